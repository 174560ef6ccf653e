"""Invented data for templates/styleguide.html, which is served in DEBUG only. No page uses it."""

from __future__ import annotations

from datetime import timedelta

from django import template
from django.core.paginator import Paginator
from django.utils import timezone
from django.utils.html import format_html

from portal.templatetags.berth_words import STATUSES, TIERS

register = template.Library()

PLAN = "sha256:3f9a1c7be20d48f6a1b2c3d4e5f60718293a4b5c6d7e8f90123456789abc91ac"


@register.simple_tag
def sample() -> dict[str, object]:
    """Everything the guide shows, by component."""
    return {"statuses": list(STATUSES), "tiers": TIERS, "plan": PLAN, **_lists(), **_work(), **_delivery()}


def _lists() -> dict[str, object]:
    now = timezone.now()
    rows = [
        ("payments-api-stage", "drifted", "stage", "2026.11.4", now + timedelta(days=3, hours=4), 412.6),
        ("payments-api-dev", "ready", "dev", "2026.11.5", None, 96.18),
        (
            "payments-api-pr-1851",
            "creating",
            "preview",
            "2026.11.6-rc1",
            now + timedelta(days=5, hours=23),
            0.31,
        ),
        ("ledger-dev-mara", "expiring", "dev", "2026.10.9", now + timedelta(hours=5, minutes=12), 61.77),
        ("fraud-score-lab", "suspended", "sandbox", "0.9.2", now + timedelta(days=11), 8.4),
        ("payments-api-prod", "ready", "prod", "2026.11.3", None, 1290.11),
        ("checkout-web-pr-877", "failed", "preview", "", None, 0),
    ]
    keys = ("name", "status", "tier", "release", "expires", "cost")
    return {
        "rows": [dict(zip(keys, row, strict=True)) for row in rows],
        "page": Paginator(range(41), 7).page(2),
        "changed": now - timedelta(minutes=26),
        "needs": _needs(),
        "quotas": [
            {"label": "vCPU", "used": 26, "pending": 2, "total": 40, "words": "28 of 40, 12 left"},
            {"label": "Memory, GiB", "used": 71, "pending": 4, "total": 96, "words": "75 of 96, 21 left"},
            {"label": "Preview environments", "used": 11, "total": 12, "tone": "warn"},
        ],
        "chart": {
            "kind": "columns",
            "values": [
                9,
                17,
                18,
                16,
                20,
                19,
                8,
                7,
                18,
                20,
                22,
                21,
                23,
                10,
                9,
                21,
                23,
                22,
                52,
                24,
                11,
                9,
                23,
                24,
                23,
                22,
            ],
            "label": "Cost per day, least €7, most €52",
            "marked": 18,
            "later_from": 21,
            "left": "1 Nov",
            "middle": "19 Nov: €52, load test",
            "middle_tone": "warn",
            "right": "30 Nov",
        },
        "budget": [96, 96, 95, 95, 94, 88, 80, 78, 77, 76, 74, 72, 71],
    }


def _needs() -> list[dict[str, object]]:
    return [
        {
            "icon": "circle-x",
            "tone": "bad",
            "title": "checkout-web-pr-877 was not created",
            "text": format_html(
                'Step 4 Apply stopped: quota of 4 vCPU is full. <a href="{}">Reclaim 1.5 vCPU from pr-841</a>',
                "#",
            ),
            "actions": [{"label": "Open failing step", "url": "#"}],
        },
        {
            "icon": "hourglass-low",
            "tone": "warn",
            "title": "ledger-dev-mara is suspended in 5 h 12 min",
            "text": "Its 14-day lifetime ends today at 19:45. Data is kept 7 more days, then destroyed.",
            "actions": [
                {"label": "Let it go", "url": "#", "post": True},
                {"label": "Extend 7 days", "url": "#", "post": True},
            ],
        },
    ]


def _work() -> dict[str, object]:
    now = timezone.now()
    names = (
        ("Check policy and quota", "done", 3, 3, ""),
        ("Wait for the environment lock", "done", 38, 5, "Waited for destroy pr-841 to free its namespace"),
        ("Plan", "done", 11, 14, ""),
        ("Apply", "run", 82, 105, "7 of 9 resources made"),
        ("Seed test data", "todo", None, 40, ""),
        ("Verify and hand over", "bad", 4, 18, "The probe answered 503 ten times"),
    )
    steps = [
        {
            "id": at,
            "name": n,
            "state": st,
            "seconds": s,
            "usual": u,
            "scale": 125,
            "late": n.startswith("Wait"),
            "why": why,
        }
        for at, (n, st, s, u, why) in enumerate(names)
    ]
    texts = (
        ("Apply  sandbox driver 1.8.2, worker w-04", "", True),
        ("namespace/payments-pr-1851               created", "", False),
        ("DATABASE_URL=postgres://payments_pr_1851:●●●●●●●●@db-dev-2:5432/app", "", False),
        ("probe /healthz 503 from payments-api-7d9f-x2kql, try 1 of 10", "warn", False),
        ("probe /healthz 200 from payments-api-7d9f-x2kql, 41 ms", "ok", False),
    )
    lines = [{"at": None if head else now, "text": t, "tone": tone, "head": head} for t, tone, head in texts]
    lines.append({"at": now, "text": "ingress/payments-api-pr-1851             creating", "fresh": True})
    return {
        "steps": steps,
        "lines": lines,
        "queue": {
            "position": 2,
            "of": 3,
            "title": "waits for pool data-seed",
            "why": "Its only worker is seeding ledger-dev-jonas, about 50 s left. People go before bots.",
        },
        "under_way": [
            {
                "title": "Create payments-api-pr-1851",
                "status": "applying",
                "detail": "step 4 of 6",
                "tones": ["ok"] * 3 + ["run"] + ["idle"] * 2,
                "note": "2:14 of usual 3:10",
            },
            {
                "title": "Promote payments-api 2026.11.4 to prod",
                "status": "awaiting_approval",
                "word": "1 of 2 signed",
                "tones": ["ok", "run", "idle", "idle", "idle"],
                "note": "18 h 40 min soaked of 24 h",
            },
        ],
        "changes": _changes(),
        "findings": [
            {
                "rule": "net.public_ingress",
                "severity": "block",
                "field": "public_endpoint",
                "value": "true",
                "message": "Public endpoints are not allowed in stage.",
                "fix": "Turn it off, or use the VPN name.",
                "who": "Platform Security",
            },
            {
                "rule": "parity.backup_retention",
                "severity": "warn",
                "field": "retention_days",
                "value": 7,
                "message": "Backups kept 7 days, prod keeps 14.",
                "fix": "Set the same as prod.",
                "who": "",
            },
        ],
        "signers": [
            {"name": "Jonas Keller", "role": "payments-leads, 13:41 today", "state": "signed"},
            {"name": "You, for reliability", "role": "or Nadia Haddad", "state": "open", "when": "51 min"},
        ],
        "events": [
            {
                "tone": "warn",
                "text": "Drift found: memory limit 1Gi → 2Gi",
                "at": now - timedelta(hours=2),
                "who": "scan #2 118",
            },
            {
                "tone": "ok",
                "text": "Deployed 2026.11.4, verified in 1:12",
                "at": now - timedelta(days=1),
                "who": "Mara Lindqvist",
            },
            {
                "tone": "idle",
                "text": "Suspended by schedule, saved €9.10",
                "at": now - timedelta(days=3),
                "who": "",
            },
        ],
        "expires": now + timedelta(days=1),
    }


def _changes() -> list[dict[str, object]]:
    return [
        {
            "address": "deployment/payments-api",
            "action": "change",
            "note": "rolling, 6 replicas, 2 at a time",
            "rows": [
                {"sign": "", "no": 14, "text": "  containers:"},
                {
                    "sign": "-",
                    "no": 15,
                    "text": "  - image: payments-api@sha256:88d0f1…7b   # 2026.11.3",
                    "mark": "sha256:88d0f1…7b",
                },
                {
                    "sign": "+",
                    "no": 15,
                    "text": "  - image: payments-api@sha256:51be90…c3   # 2026.11.4",
                    "mark": "sha256:51be90…c3",
                },
                {"sign": "+", "no": 18, "text": '      REFUND_IDEMPOTENCY: "on"'},
            ],
        },
        {
            "address": "job/migrate-0142",
            "action": "create",
            "note": "before switch, additive",
            "rows": [{"sign": "+", "no": 1, "text": "sql: ALTER TABLE refund ADD COLUMN idem_key uuid NULL;"}],
        },
        {
            "address": "route/old",
            "action": "destroy",
            "shut": True,
            "rows": [{"sign": "-", "no": 1, "text": "host: old"}],
        },
    ]


def _delivery() -> dict[str, object]:
    return {
        "stages": [
            {
                "tier": tier,
                "status": "ready",
                "release": release,
                "digest": PLAN,
                "facts": [
                    {"label": "Checks", "value": "41 of 41"},
                    {"label": "Drift", "value": drift, "tone": tone},
                ],
                "foot": "Since Sun 19:52, Mara L.",
            }
            for tier, release, drift, tone in (
                ("dev", "2026.11.5", "none", ""),
                ("stage", "2026.11.4", "1 finding", "warn"),
                ("prod", "2026.11.3", "none", ""),
            )
        ],
        "gate_open": {
            "open": True,
            "verdict": "Can move: 2026.11.5",
            "conditions": [
                {"met": True, "text": "Verified in dev, 41 checks"},
                {"met": True, "text": "Soaked 2 h 10 min of 1 h"},
            ],
            "foot": "Would change 2 resources, usual 1:12.",
            "foot_url": "#",
            "foot_label": "See its plan",
        },
        "gate_shut": {
            "open": False,
            "verdict": "2026.11.4 cannot move yet",
            "conditions": [
                {
                    "met": False,
                    "icon": "signature",
                    "tone": "wait",
                    "lead": "Signature 2 of 2 missing.",
                    "text": "Waits for Tomasz Wieczorek, 51 min.",
                    "url": "#",
                    "label": "Remind",
                },
                {
                    "met": False,
                    "icon": "clock",
                    "tone": "warn",
                    "lead": "Soak 18 h 40 min of 24 h.",
                    "text": "Passes by itself at 19:52.",
                },
                {"met": True, "text": "No freeze before Fri 27 Nov, 16:00"},
            ],
        },
        "manifest": [
            {"label": "Team", "value": "Payments"},
            {"label": "Owner", "person": "Mara Lindqvist"},
            {"label": "Release", "value": "2026.11.4", "code": True},
            {"label": "Plan", "digest": PLAN},
            {"label": "Tiers", "tier": "preview", "to": "prod"},
            {"label": "Back in", "value": "1:50", "note": "usual rollback"},
            {"label": "Up, 30 days", "value": "99.96 %"},
        ],
        "tabs": [
            {"label": "Overview", "url": "#", "current": True},
            {"label": "Operations", "url": "#", "count": 38},
            {"label": "Drift", "url": "#", "count": 0},
            {"label": "Settings", "url": "#"},
        ],
        "facts": [
            {"label": "Who", "value": "Jonas Keller"},
            {"label": "When", "value": "2026-11-23T12:20:44.118Z", "code": True},
            {"label": "Led to", "value": "Drift finding, medium", "url": "#"},
        ],
        "pairs": [
            {"label": "Workers", "value": "6 of 6"},
            {"label": "Oldest not synced", "value": "41 min", "tone": "warn"},
        ],
        "proof": {
            "ok": True,
            "title": "Proven unaltered",
            "text": "Leaf 18 399 is in checkpoint 18 402, signed by Vault transit at 14:30.",
            "url": "#",
            "label": "proof and script",
            "root": "7be1 4c90 a2d8 … 03f6",
        },
        "problem": {
            "title": "Not created",
            "detail": "Namespace quota of 4 vCPU is full. Everything it had made was removed.",
            "rule": "quota.vcpu",
            "field": "size",
            "value": "M",
            "fix": "Reclaim 1.5 vCPU from pr-841.",
            "who": "Platform",
        },
        "tier_options": [("preview", "preview"), ("dev", "dev"), ("stage", "stage")],
        "field": {
            "label": "Why",
            "id": "f-w",
            "control": format_html('<textarea id="f-w" aria-invalid="true">{}</textarea>', "Second stage."),
            "help": "Shown to the signer and kept in the history.",
            "errors": ["Say in one sentence what it is for."],
        },
        "field_findings": [{"severity": "pass", "message": "Long enough for the change record."}],
        "chips": [
            {"label": "All", "url": "#", "on": True, "count": 41},
            {"label": "Mine", "url": "#", "count": 7},
        ],
    }
