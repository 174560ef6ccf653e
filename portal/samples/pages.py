"""What a page is made of: manifest, tabs, facts, a proof, a refusal, and the parts of a form."""

from typing import Final

from django.utils.html import format_html

from portal.samples.delivery import PLAN

MANIFEST: Final = [
    {"label": "Team", "value": "Payments"},
    {"label": "Owner", "person": "Mara Lindqvist"},
    {"label": "Release", "value": "2026.11.4", "code": True},
    {"label": "Plan", "digest": PLAN},
    {"label": "Tiers", "tier": "preview", "to": "prod"},
    {"label": "Back in", "value": "1:50", "note": "usual rollback"},
    {"label": "Up, 30 days", "value": "99.96 %"},
]
TABS: Final = [
    {"label": "Overview", "url": "#", "current": True},
    {"label": "Operations", "url": "#", "count": 38},
    {"label": "Drift", "url": "#", "count": 0},
    {"label": "Settings", "url": "#"},
]
FACTS: Final = [
    {"label": "Who", "value": "Jonas Keller"},
    {"label": "When", "value": "2026-11-23T12:20:44.118Z", "code": True},
    {"label": "Led to", "value": "Drift finding, medium", "url": "#"},
]
PAIRS: Final = [
    {"label": "Workers", "value": "6 of 6"},
    {"label": "Oldest not synced", "value": "41 min", "tone": "warn"},
]
PROOF: Final = {
    "ok": True,
    "title": "Proven unaltered",
    "text": "Leaf 18 399 is in checkpoint 18 402, signed by Vault transit at 14:30.",
    "url": "#",
    "label": "proof and script",
    "root": "7be1 4c90 a2d8 … 03f6",
}
PROBLEM: Final = {
    "title": "Not created",
    "detail": "Namespace quota of 4 vCPU is full. Everything it had made was removed.",
    "rule": "quota.vcpu",
    "field": "size",
    "value": "M",
    "fix": "Reclaim 1.5 vCPU from pr-841.",
    "who": "Platform",
}
TIER_OPTIONS: Final = [("preview", "preview"), ("dev", "dev"), ("stage", "stage")]
FIELD: Final = {
    "label": "Why",
    "id": "f-w",
    "control": format_html('<textarea id="f-w" aria-invalid="true">{}</textarea>', "Second stage."),
    "help": "Shown to the signer and kept in the history.",
    "errors": ["Say in one sentence what it is for."],
}
FIELD_FINDINGS: Final = [{"severity": "pass", "message": "Long enough for the change record."}]
CHIPS: Final = [
    {"label": "All", "url": "#", "on": True, "count": 41},
    {"label": "Mine", "url": "#", "count": 7},
]


def pages() -> dict[str, object]:
    """By component."""
    return {
        "manifest": MANIFEST,
        "tabs": TABS,
        "facts": FACTS,
        "pairs": PAIRS,
        "proof": PROOF,
        "problem": PROBLEM,
        "tier_options": TIER_OPTIONS,
        "field": FIELD,
        "field_findings": FIELD_FINDINGS,
        "chips": CHIPS,
    }
