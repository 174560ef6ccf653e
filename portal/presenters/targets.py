"""Targets, their breakers and the pools of workers, as pages show them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from provisioning import breaker, presence, selectors
from provisioning.models import Breaker, Target


def health(target: Target) -> dict[str, str]:
    """Pill of a target: its breaker first, then its last check."""
    found = breaker.state(getattr(target, "breaker", None))
    if target.retired_at is not None:
        return {"tone": "idle", "icon": "archive", "word": _("Retired")}
    if found.word == "open":
        return {"tone": "bad", "icon": "circle-x", "word": _("Does not answer")}
    if found.word == "half-open":
        return {"tone": "warn", "icon": "refresh", "word": _("Being tried")}
    if target.check_asked_at is not None:
        return {"tone": "run", "icon": "progress", "word": _("Being checked")}
    if target.check_ok is None:
        return {"tone": "idle", "icon": "clock", "word": _("Never checked")}
    if target.check_ok:
        return {"tone": "ok", "icon": "circle-check", "word": _("Answers")}
    return {"tone": "bad", "icon": "circle-x", "word": _("Check failed")}


def facts(target: Target) -> list[dict[str, Any]]:
    """The manifest of a target."""
    limit = str(target.concurrency) if target.concurrency else _("no limit")
    return [
        {"label": _("Driver"), "value": target.driver, "code": True},
        {"label": _("Pool"), "value": target.pool or _("default"), "code": True},
        {"label": _("At once"), "value": limit, "note": _("operations at most") if target.concurrency else ""},
        {"label": _("Works on"), "value": str(selectors.active_on(target))},
        {"label": _("Credentials"), "value": target.credentials or _("none"), "code": bool(target.credentials)},
    ]


def breaker_facts(row: Breaker | None) -> dict[str, Any]:
    """What a target's breaker says, for its page."""
    found = breaker.state(row)
    words = {
        "closed": _("Closed: operations are taken."),
        "open": _("Open: nothing is taken until the next try."),
        "half-open": _("Half-open: one operation tries it."),
    }
    return {"state": found, "words": words[found.word]}


def troubled() -> list[dict[str, Any]]:
    """Every breaker that is not closed."""
    rows = Breaker.objects.filter(opened_at__isnull=False).select_related("target").order_by("opened_at")
    return [{"place": row.place, "target": row.target, **breaker_facts(row)} for row in rows]


def pools(seen: Iterable[tuple[str, datetime]]) -> list[dict[str, Any]]:
    """Pools with when a worker was last there."""
    now = timezone.now()
    return [{"name": tag or _("default"), "seen_at": at, "served": at > now - presence.GONE_AFTER} for tag, at in seen]
