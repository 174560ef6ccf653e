"""Waivers as pages show them: pills, what is left, who is waited for."""

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from policies import waivers
from policies.models import User, Waiver
from policies.results import Denied
from policies.waiving import may_withdraw

_PILLS = {
    "asked": ("wait", "hand-stop"),
    "granted": ("warn", "shield-x"),
    "refused": ("bad", "circle-x"),
    "withdrawn": ("idle", "arrow-back-up"),
    "ended": ("idle", "clock-x"),
}
_KINDS = {"request": _("one request"), "environment": _("environment"), "service": _("service"), "team": _("team")}


def pill(waiver: Waiver) -> dict[str, str]:
    """Tone, icon and word of its state; a granted override has a word of its own."""
    tone, icon = _PILLS[waiver.state]
    word = _("Overridden") if waiver.is_override and waiver.state == "granted" else waiver.get_state_display()
    return {"tone": tone, "icon": icon, "word": word}


def kind(waiver: Waiver) -> str:
    """What its scope is, in a word."""
    return str(_KINDS[waiver.scope.partition(":")[0]])


def rows(found: Sequence[Waiver]) -> list[dict[str, Any]]:
    """Rows of the list."""
    return [{"waiver": row, "pill": pill(row), "kind": kind(row), "url": url(row)} for row in found]


def url(waiver: Waiver) -> str:
    """Its page."""
    return reverse("waiver", args=[waiver.pk])


def object_url(waiver: Waiver) -> str:
    """The page of what it is for, where there is one."""
    prefix, _colon, key = waiver.scope.partition(":")
    if prefix == "environment":
        return reverse("environment", args=[key])
    if waiver.operation:
        return reverse("operation", args=[waiver.operation.partition(":")[2]])
    return reverse("team", args=[key]) if prefix == "team" else ""


def facts(waiver: Waiver) -> list[dict[str, Any]]:
    """The facts under the title."""
    return [
        {"label": _("Rule"), "value": waiver.rule, "code": True},
        {"label": _("For"), "value": waiver.label, "note": kind(waiver)},
        {"label": _("Team"), "value": waiver.team.name},
        {"label": _("Owner"), "value": str(waiver.owner)},
        {"label": _("Ends"), "value": f"{waiver.expires_at:%Y-%m-%d %H:%M}", "note": "UTC"},
        {"label": _("Ticket"), "value": waiver.ticket or _("none")},
    ]


def rights(user: User, waiver: Waiver) -> dict[str, Any]:
    """What this viewer may do about it now, and if nothing, why."""
    decide = waivers.may_decide(user, waiver)
    withdraw = may_withdraw(user, waiver)
    return {
        "decide": waiver.state == "asked" and bool(decide),
        "withdraw": waiver.state in waivers.LIVING and bool(withdraw),
        "why_not": decide.reason if isinstance(decide, Denied) else "",
        "who": waivers.deciders(waiver),
    }
