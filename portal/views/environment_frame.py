"""What every tab of an environment shows: title, manifest, tabs, and what can be asked now or why not."""

from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from observability.waiting import place_in_queue
from policies.models import User
from policies.permissions import Permission, may
from policies.results import Allowed, Denied
from portal.presenters import operations as show
from portal.presenters.waiting import waits_of
from portal.views.rows import cost_since, expires_soon, look, month_start
from provisioning import closures, kinds
from provisioning.closures import Closure
from provisioning.models import Environment, Operation
from provisioning.states import TERMINAL
from provisioning.states import EnvironmentStatus as E

ASKS = (("suspend", "player-pause"), ("resume", "player-play"), ("reconcile", "git-compare"), ("destroy", "trash"))
EXTEND_DAYS = 7
HOURS_PER_DAY = 24


@dataclass(frozen=True)
class Act:
    """One thing to ask: possible now, or why not."""

    kind: str
    label: str
    icon: str
    url: str
    why_not: str = ""
    closed: Closure | None = None


def frame(user: User, found: Environment, tab: str) -> dict[str, Any]:
    """The context of the page around the tab."""
    now = timezone.now()
    allowed = may(user, Permission.OPERATE, found.service)
    acts = {kind: _act(found, kind, icon, allowed) for kind, icon in ASKS}
    pending = Operation.objects.filter(environment=found).exclude(status__in=TERMINAL).order_by("created_at")
    current = pending.select_related("requester", "team").first()
    crumbs = [(_("Environments"), reverse("environments")), (found.name, None)]
    return {
        "environment": found,
        "look": look(found, now),
        "soon": expires_soon(found, now),
        "acts": acts,
        "header_acts": _in_header(found, acts),
        "current": current,
        "drifted": found.drift.get("state") == "drift" and found.status != E.DESTROYED,
        "left": found.orphans.filter(removed_at=None).count(),
        "queue": _queue(found, current),
        "waits": waits_of(current) if current else [],
        "tab": tab,
        "tabs": _tabs(found, tab),
        "cost": cost_since(found, month_start(now), now),
        "may_operate": bool(allowed),
        "operate_denied": allowed,
        "crumbs": crumbs,
    }


def _queue(found: Environment, current: Operation | None) -> dict[str, Any] | None:
    """Where its present operation stands, while that waits."""
    if current is None:
        return None
    current.environment = found
    return show.queue(place_in_queue(current))


def _act(found: Environment, kind_name: str, icon: str, allowed: Allowed | Denied) -> Act:
    kind = kinds.get(kind_name)
    assert kind is not None  # noqa: S101 - provisioning's own kinds are always registered
    begins = kind.begins_in(found)
    gate = kind.gate(found, {}) if kind_name == "reconcile" else begins
    no = next((answer for answer in (allowed, begins, gate) if isinstance(answer, Denied)), None)
    words = {"suspend": _("Suspend"), "resume": _("Resume"), "reconcile": _("Reconcile"), "destroy": _("Destroy")}
    url = reverse("environment_ask", args=[found.pk, kind_name])
    return Act(kind_name, words[kind_name], icon, url, f"{no.reason} {no.fix}".strip() if no is not None else "")


def _in_header(found: Environment, acts: dict[str, Act]) -> list[Act]:
    """Resume while it is suspended, else suspend; destroying has its own form."""
    if found.status == E.DESTROYED:
        return []
    act = acts["resume" if found.status == E.SUSPENDED else "suspend"]
    return [act if act.why_not else replace(act, closed=closures.of_ask(found, act.kind, timezone.now()))]


def _tabs(found: Environment, tab: str) -> list[dict[str, Any]]:
    labels = {
        "overview": _("Overview"),
        "operations": _("Operations"),
        "releases": _("Releases"),
        "secrets": _("Secrets"),
        "history": _("History"),
        "settings": _("Settings"),
    }
    if found.driver == "terraform":
        labels["state"] = _("State")
    counts = {"operations": found.operations.count(), "secrets": found.secrets.count()}
    return [
        {"label": label, "url": _address(found, name), "count": counts.get(name), "current": name == tab}
        for name, label in labels.items()
    ]


def _address(found: Environment, tab: str) -> str:
    if tab == "overview":
        return reverse("environment", args=[found.pk])
    return reverse("environment_tab", args=[found.pk, tab])
