"""Bundles, rules and decisions as pages show them. What they mean is `policies`' business."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from policies.decisions import as_finding
from policies.engine import Finding
from policies.models import Decision, PolicyBundle

STATES = {
    "active": ("ok", "shield-check"),
    "shadow": ("run", "eye"),
    "draft": ("idle", "edit"),
    "retired": ("idle", "archive"),
}
POINTS: dict[str, str | Promise] = {
    "request": lazy("When it was asked"),
    "plan": lazy("On its plan"),
    "claim": lazy("Before its first step"),
    "running": lazy("While it runs"),
    "admission": lazy("Before a cluster took it"),
    "check": lazy("In a pipeline"),
}
SEVERITIES: dict[str, tuple[str, str, str | Promise]] = {
    "block": ("bad", "shield-x", lazy("Blocks")),
    "soft": ("bad", "hand-stop", lazy("Blocks, can be overridden")),
    "waived": ("warn", "shield-x", lazy("Waived")),
    "warn": ("warn", "alert-triangle", lazy("Warns")),
}


@dataclass(frozen=True)
class Look:
    """A pill."""

    tone: str
    icon: str
    word: str | Promise


def look_of(bundle: PolicyBundle) -> Look:
    """The pill of a bundle's state."""
    tone, icon = STATES[bundle.state]
    return Look(tone, icon, bundle.get_state_display())


def severity(name: str) -> Look:
    """The pill of a rule's severity."""
    return Look(*SEVERITIES.get(name, ("idle", "info-circle", name)))


def chips(path: str) -> list[dict[str, Any]]:
    """The pages of this part."""
    named = [
        (_("Rules"), reverse("policies")),
        (_("Bundles"), reverse("policy_bundles")),
        (_("Decisions"), reverse("policy_decisions")),
        (_("What breaks a rule"), reverse("policy_findings")),
    ]
    at = max((url for _label, url in named if path.startswith(url)), key=len, default="")
    return [{"label": label, "url": url, "on": url == at} for label, url in named]


def files_of(bundle: PolicyBundle, rule: str) -> list[tuple[str, str]]:
    """The file in which a rule stands, and that of its tests."""
    wanted = f'"id": "{rule}"'
    found = [path for path, text in bundle.files if wanted in text and not path.endswith("_test.rego")]
    names = {name for path in found for name in (path, path.removesuffix(".rego") + "_test.rego")}
    return [(path, text) for path, text in bundle.files if path in names]


def rules(bundle: PolicyBundle) -> list[dict[str, Any]]:
    """Rows of the table of rules, with where each is from."""
    return [rule | {"look": severity(rule["severity"]), "origin": _origin(rule["id"], bundle)} for rule in bundle.rules]


def _origin(rule: str, bundle: PolicyBundle) -> str:
    files = files_of(bundle, rule)
    folder = files[0][0].rpartition("/")[0] if files else ""
    return {"": _("shipped"), "forms": _("form")}.get(folder, folder.partition("/")[0])


def difference(bundle: PolicyBundle, before: PolicyBundle | None) -> dict[str, list[str]]:
    """Which rules are new, changed and gone against another bundle."""
    if before is None or before.pk == bundle.pk:
        return {}
    now, then = _sources(bundle), _sources(before)
    found = {
        _("New"): sorted(set(now) - set(then)),
        _("Changed"): sorted(name for name in set(now) & set(then) if now[name] != then[name]),
        _("Gone"): sorted(set(then) - set(now)),
    }
    return {word: names for word, names in found.items() if names}


def _sources(bundle: PolicyBundle) -> Mapping[str, str]:
    return {path: text for path, text in bundle.files if not path.endswith("_test.rego")}


def findings(decision: Decision) -> list[dict[str, Any]]:
    """What a decision found, with the word above each."""
    return [_finding(as_finding(row)) for row in decision.findings]


def _finding(finding: Finding) -> dict[str, Any]:
    return {"finding": finding, "head": severity(finding.severity).word, "is_engine": finding.rule == "policy.engine"}


def decision_rows(rows: Iterable[Decision], names: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """Rows of the log; `names` has the name and address behind a subject."""
    return [
        {
            "row": row,
            "point": POINTS.get(row.point, row.point),
            "name": names.get(row.subject, (row.subject, ""))[0],
            "url": names.get(row.subject, ("", ""))[1],
            "rules": sorted({finding["rule"] for finding in row.findings}),
        }
        for row in rows
    ]
