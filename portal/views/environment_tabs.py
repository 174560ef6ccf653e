"""What each tab of an environment reads. The frame around it is environment_frame's."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from audit.selectors import BadCursorError, page
from delivery.selectors import deployments, releases_visible_to
from policies.models import Standing
from policies.permissions import Permission, may
from policies.results import Denied
from portal import loaders
from portal.forms.fields import parameter_rows, spoken
from portal.views.environment_frame import EXTEND_DAYS
from portal.views.environment_state import state
from portal.views.pages import viewer
from portal.views.rows import look_of_operation, title_of
from provisioning import closures
from provisioning.actions.recovery import is_out_of_reach
from provisioning.models import Environment, Operation, Recheck
from provisioning.states import EnvironmentStatus as E

Tab = Callable[[HttpRequest, Environment], dict[str, Any]]
SHOWN = 50
TONES = {"succeeded": "ok", "failed": "bad", "rolled_back": "warn", "denied": "bad"}


def _operations(found: Environment, count: int) -> list[dict[str, Any]]:
    rows = Operation.objects.filter(environment=found).select_related("requester", "environment")
    return [
        {"operation": row, "title": title_of(row), "look": look_of_operation(row)}
        for row in rows.order_by("-created_at")[:count]
    ]


def overview(request: HttpRequest, found: Environment) -> dict[str, Any]:
    """Where it answers, what it gave back, when it ends, what happened last."""
    outputs = {each["name"]: each for each in found.template_version.outputs}
    shown = [
        (name, value, outputs.get(name, {}).get("description", ""))
        for name, value in sorted(found.outputs.items())
        if not outputs.get(name, {}).get("sensitive")
    ]
    return {
        "outputs": [row for row in shown if not _is_address(row[1])],
        "endpoints": [row for row in shown if _is_address(row[1])],
        "secrets": list(found.secrets.all()),
        "parameters": spoken(found.template_version, found.parameters),
        "drift": _drift(found),
        "standing": Standing.objects.filter(subject=found.ref).first(),
        "may_check": found.ready_at is not None and found.status in {E.READY, E.SUSPENDED, E.FAILED},
        "events": [_event(row) for row in _operations(found, 6)],
        "extend_days": EXTEND_DAYS,
        "lived": _lived(found),
        "warn_hours": settings.BERTH.warn_before_hours,
        "grace_days": settings.BERTH.grace_hours // 24,
    }


def _drift(found: Environment) -> dict[str, Any]:
    """The last comparison with the record, and the health that was seen with it."""
    seen, health = found.drift, found.health
    at = parse_datetime(seen.get("at") or health.get("at") or "")
    return {
        "state": seen.get("state", ""),
        "changes": seen.get("changes", []),
        "error": seen.get("error", ""),
        "at": at,
        "health": health.get("status", ""),
        "reason": health.get("reason", ""),
        "releases": health.get("releases", []),
        "waits": Recheck.objects.filter(environment=found).exists(),
    }


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _event(row: dict[str, Any]) -> dict[str, Any]:
    operation = row["operation"]
    who = str(operation.requester) if operation.requester else "schedule"
    tone = TONES.get(operation.status, "idle" if operation.finished_at else "run")
    at = operation.finished_at or operation.created_at
    return {"tone": tone, "text": row["title"], "at": at, "who": who, "url": reverse("operation", args=[operation.pk])}


def _lived(found: Environment) -> tuple[int, int]:
    """Seconds lived and seconds of the whole life, for the bar."""
    if found.expires_at is None:
        return (0, 0)
    whole = (found.expires_at - found.created_at).total_seconds()
    return (int(min(whole, (timezone.now() - found.created_at).total_seconds())), int(whole))


def operations(request: HttpRequest, found: Environment) -> dict[str, Any]:
    """Every change asked of it, newest first."""
    return {"operations": _operations(found, SHOWN), "shown": SHOWN}


def releases(request: HttpRequest, found: Environment) -> dict[str, Any]:
    """What arrived here, and the newest releases of its service."""
    newest = releases_visible_to(viewer(request)).filter(service=found.service).select_related("created_by")[:10]
    arrived = deployments(found).select_related("requester")[:SHOWN]
    return {"arrived": arrived, "newest": newest}


def secrets(request: HttpRequest, found: Environment) -> dict[str, Any]:
    """Paths, versions and ages; never a value."""
    allowed = may(viewer(request), Permission.REVEAL_SECRET, found.service)
    return {"secrets": list(found.secrets.all()), "reveal_denied": allowed if isinstance(allowed, Denied) else None}


def history(request: HttpRequest, found: Environment) -> dict[str, Any]:
    """What the viewer may read of its history and that of its operations."""
    refs = [found.ref, *(f"operation:{pk}" for pk in found.operations.values_list("pk", flat=True)[:500])]
    rows = loaders.history(viewer(request)).filter(object__in=refs)
    try:
        return {"events": page(rows, after=request.GET.get("after", ""), size=SHOWN)}
    except BadCursorError:
        return {"events": page(rows, size=SHOWN)}


def settings_tab(request: HttpRequest, found: Environment) -> dict[str, Any]:
    """Parameters that can change, what it is made from, and how to destroy it."""
    version = found.template_version
    out_of_reach = found.status != E.DESTROYED and is_out_of_reach(found)
    return {
        "rows": parameter_rows(version, found.parameters, locked=True),
        "lost": _lost(found),
        "closed": {kind: closures.of_ask(found, kind, timezone.now()) for kind in ("update", "destroy")},
        "out_of_reach": out_of_reach,
    }


def _lost(found: Environment) -> list[str]:
    """What is gone when it is destroyed."""
    names = {"workload": "The running service", "database": "Its database with all data", "cache": "Its cache user"}
    resources = found.template_version.spec.get("resources", {})
    lost = [words for name, words in names.items() if resources.get(name)]
    lost += [f"The secret {binding.name} ({binding.path})" for binding in found.secrets.all()]
    return [*lost, "Its name, which somebody else may take"]


TABS: dict[str, Tab] = {
    "overview": overview,
    "operations": operations,
    "releases": releases,
    "secrets": secrets,
    "history": history,
    "settings": settings_tab,
    "state": state,
}
