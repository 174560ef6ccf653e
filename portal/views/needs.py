"""The rows of "Needs you": plans to sign, what failed or was sent back, what ends soon; the most urgent first."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from policies.models import User
from portal.templatetags.berth_words import short_clock, span
from portal.views.environment_frame import EXTEND_DAYS
from portal.views.rows import expires_soon, title_of
from provisioning.models import Environment, Operation
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S

FAILED = (S.FAILED, S.ROLLED_BACK, S.DENIED, S.REJECTED, S.EXPIRED)
RECENT = timedelta(days=3)


def needs_of(user: User, live: list[Environment], inbox: list[Operation], now: datetime) -> list[dict[str, Any]]:
    """Everything that waits for this person."""
    rows = Operation.objects.filter(requester=user, created_at__gte=now - RECENT, status__in=(*FAILED, S.HELD))
    asked = rows.select_related("environment").order_by("environment", "-created_at")
    newest = {operation.environment_id: operation for operation in reversed(asked)}
    held = [operation for operation in newest.values() if operation.status == S.HELD]
    failed = [operation for operation in newest.values() if operation.status != S.HELD]
    return [
        *(_sign(operation) for operation in inbox),
        *(_failed(operation) for operation in failed if not _recovered(operation, live)),
        *(_held(operation) for operation in held),
        *(_expires(environment, now) for environment in _ending(live, now)),
    ]


def _recovered(operation: Operation, live: Iterable[Environment]) -> bool:
    """A failed change of an environment that runs again needs nobody; a failed creation has none to run."""
    return operation.kind != "create" and any(e.pk == operation.environment_id and e.status == E.READY for e in live)


def _ending(live: list[Environment], now: datetime) -> list[Environment]:
    return [e for e in live if e.status == E.READY and expires_soon(e, now)]


def _sign(operation: Operation) -> dict[str, Any]:
    return {
        "icon": "signature",
        "tone": "wait",
        "title": title_of(operation),
        "url": reverse("approval", args=[operation.pk]),
        "text": _("%(who)s asks: %(why)s")
        % {"who": operation.requester, "why": operation.reason or _("no reason given")},
        "actions": [{"label": _("Review plan"), "url": reverse("approval", args=[operation.pk])}],
    }


def _failed(operation: Operation) -> dict[str, Any]:
    url = reverse("operation", args=[operation.pk])
    return {
        "icon": "circle-x",
        "tone": "bad",
        "title": _("%(what)s: %(state)s") % {"what": title_of(operation), "state": operation.get_status_display()},
        "url": url,
        "text": operation.error or operation.blocked,
        "actions": [{"label": _("Open operation"), "url": url}],
    }


def _held(operation: Operation) -> dict[str, Any]:
    url = reverse("approval", args=[operation.pk])
    return {
        "icon": "arrow-back-up",
        "tone": "wait",
        "title": _("%(what)s is held until you answer") % {"what": title_of(operation)},
        "url": url,
        "text": operation.blocked,
        "actions": [{"label": _("Answer"), "url": url}],
    }


def _expires(environment: Environment, now: datetime) -> dict[str, Any]:
    assert environment.expires_at is not None  # noqa: S101 - it expires soon
    left = span(max(0, (environment.expires_at - now).total_seconds()))
    extend = {
        "label": _("Extend %(days)s days") % {"days": EXTEND_DAYS},
        "url": reverse("environment_extend", args=[environment.pk]),
        "post": True,
        "fields": {"days": EXTEND_DAYS},
    }
    return {
        "icon": "hourglass-low",
        "tone": "warn",
        "title": _("%(name)s is suspended in %(left)s") % {"name": environment.name, "left": left},
        "url": reverse("environment", args=[environment.pk]),
        "text": _("Its lifetime ends %(at)s.") % {"at": short_clock(environment.expires_at, now=now)},
        "actions": [extend],
    }
