"""The log of decisions with its filters, one decision explained, and what of all that runs breaks a rule today."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from policies.decisions import filtered
from policies.engine import SHIPPED
from policies.models import DecisionInput, PolicyBundle, Standing
from policies.permissions import Permission, teams_with
from portal import loaders
from portal.presenters import policies as show
from portal.views.pages import page, viewer
from portal.views.policies import in_force
from provisioning import selectors

SIZE = 50


@require_safe
def policy_decisions(request: HttpRequest) -> HttpResponse:
    """The log, newest first; each filter is in the address."""
    asked = {name: request.GET.get(name, "").strip()[:80].replace("\x00", "") for name in ("q", "team", "outcome")}
    rows = loaders.decisions(viewer(request))
    rows = filtered(rows, rule=asked["q"], team=asked["team"], outcome=asked["outcome"])
    found = Paginator(rows.order_by("-at", "-pk"), SIZE).get_page(request.GET.get("page"))
    teams = teams_with(viewer(request), Permission.VIEW).order_by("slug")
    context = {
        "page": found,
        "rows": show.decision_rows(found, names_for(request, [row.subject for row in found])),
        "q": asked["q"],
        "selects": [
            _select("team", _("Team"), [(team.slug, team.name) for team in teams], asked),
            _select("outcome", _("Outcome"), [("refused", _("Refused")), ("allowed", _("Allowed"))], asked),
        ],
        "filtered": any(asked.values()),
        "chips": show.chips(request.path),
        "crumbs": _crumbs((_("Decisions"), None)),
    }
    return page(request, "policies/decisions.html", context, part="policies/decisions_table.html")


def _select(name: str, label: str, options: list[tuple[str, str]], asked: dict[str, str]) -> dict[str, Any]:
    return {"name": name, "label": label, "options": options, "value": asked[name]}


def _crumbs(*more: tuple[str, str | None]) -> list[tuple[str, str | None]]:
    return [(_("Governance"), reverse("governance")), (_("Policies"), reverse("policies")), *more]


def names_for(request: HttpRequest, refs: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Name and address behind the references that the viewer may see."""
    keys: dict[str, set[UUID]] = {"environment": set(), "operation": set()}
    for ref in refs:
        prefix, _colon, key = ref.partition(":")
        if prefix in keys and len(key) == 36:
            keys[prefix].add(UUID(key))
    user = viewer(request)
    found = {
        row.ref: (row.name, reverse("environment", args=[row.pk]))
        for row in selectors.environments_visible_to(user).filter(pk__in=keys["environment"])
    }
    operations = selectors.operations_visible_to(user).filter(pk__in=keys["operation"])
    for row in operations.select_related("environment"):
        found[row.ref] = (row.environment.name, reverse("operation", args=[row.pk]))
    return found


@require_safe
def policy_decision(request: HttpRequest, pk: int) -> HttpResponse:
    """One decision: which rule fired on which field and why, the rule itself, what passed, the facts."""
    found = loaders.decision(viewer(request), pk)
    bundle = PolicyBundle.objects.filter(digest=found.bundle).first()
    kept = DecisionInput.objects.filter(digest=found.input_digest).first()
    facts = json.loads(kept.document) if kept else None
    active = in_force()
    context = {
        "decision": found,
        "point": show.POINTS.get(found.point, found.point),
        "subject": names_for(request, [found.subject]).get(found.subject, (found.subject, "")),
        "findings": [
            each | {"files": _sources(bundle, each["finding"].rule), "fact": _fact(facts, each["finding"].field)}
            for each in show.findings(found)
        ],
        "bundle": bundle,
        "in_force": active is not None and active.digest == found.bundle,
        "facts": json.dumps(facts, indent=2, sort_keys=True) if kept else "",
        "shadows": found.shadows.select_related("bundle"),
        "chips": show.chips(request.path),
        "crumbs": _crumbs((_("Decisions"), reverse("policy_decisions")), (f"#{found.pk}", None)),
    }
    return page(request, "policies/decision.html", context)


def _sources(bundle: PolicyBundle | None, rule: str) -> list[tuple[str, str]]:
    """The rule's own file, of the bundle that judged; a shipped file where that bundle was never stored."""
    if bundle is not None:
        return [(path, text) for path, text in show.files_of(bundle, rule) if not path.endswith("_test.rego")]
    path = SHIPPED / f"{rule.replace('.', '_')}.rego"
    return [(path.name, path.read_text())] if path.name in {each.name for each in SHIPPED.glob("*.rego")} else []


def _fact(facts: Any, field: str) -> str:
    """The fact at `field` as it was judged, or nothing where the field is no path of the facts."""
    for name in field.split("."):
        if not isinstance(facts, dict) or name not in facts:
            return ""
        facts = facts[name]
    return json.dumps(facts, sort_keys=True)[:200] if field else ""


@require_safe
def policy_findings(request: HttpRequest) -> HttpResponse:
    """Everything that runs and breaks a rule of today, newest change first."""
    teams = teams_with(viewer(request), Permission.VIEW)
    rows = Standing.objects.filter(team__in=teams).exclude(findings=[]).select_related("team")
    found: Page[Standing] = Paginator(rows.order_by("allowed", "-changed_at", "pk"), SIZE).get_page(
        request.GET.get("page")
    )
    names = names_for(request, [row.subject for row in found])
    context = {
        "page": found,
        "rows": [(row, names[row.subject]) for row in found if row.subject in names],
        "blocking": rows.filter(allowed=False).count(),
        "judged": Standing.objects.filter(team__in=teams).count(),
        "chips": show.chips(request.path),
        "crumbs": _crumbs((_("What breaks a rule"), None)),
    }
    return page(request, "policies/findings.html", context)
