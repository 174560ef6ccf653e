"""What governance waits for from one person: waivers to decide, emergencies to review, rights to confirm."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from policies import waivers
from policies.access import reviews
from policies.models import AccessReview, BrokenGlass, User, Waiver
from policies.permissions import Permission, teams_with
from portal.presenters.approval_rules import emergency
from portal.templatetags.berth_words import short_clock
from provisioning.selectors import emergencies_visible_to

MOST = 5


def governance_needs(user: User, now: datetime) -> list[dict[str, Any]]:
    """The rows, an emergency without its review first."""
    glasses = [emergency(user, glass) for glass in emergencies_visible_to(user)[:MOST]]
    return [
        *(_glass(row["glass"], row["key"]) for row in glasses if row["why_not"] is None),
        *(_waiver(waiver) for waiver in waivers.to_decide(user)[:MOST]),
        *(_review(review, now) for review in _reviews(user)),
    ]


def _reviews(user: User) -> list[AccessReview]:
    """Open reviews of the person's own teams in which a right of somebody else is left."""
    teams = teams_with(user, Permission.REVIEW_ACCESS)
    rows = reviews.visible_to(user).filter(team__in=teams, completed_at=None)
    left = AccessReview.objects.filter(items__in=reviews.undecided_by(user))
    return list(rows.filter(pk__in=left.values("pk"))[:MOST])


def _glass(glass: BrokenGlass, operation: str) -> dict[str, Any]:
    url = reverse("approval_rules")
    return {
        "icon": "alert-triangle",
        "tone": "bad",
        "title": _("op-%(id)s ran without its signatures") % {"id": operation[:6]},
        "url": reverse("operation", args=[operation]),
        "text": _("%(who)s broke the glass: %(why)s") % {"who": glass.breaker, "why": glass.reason},
        "actions": [{"label": _("Write the review"), "url": url}],
    }


def _waiver(waiver: Waiver) -> dict[str, Any]:
    url = reverse("waiver", args=[waiver.pk])
    return {
        "icon": "shield-check",
        "tone": "wait",
        "title": _("Waiver of %(rule)s for %(label)s") % {"rule": waiver.rule, "label": waiver.label},
        "url": url,
        "text": _("%(who)s asks: %(why)s") % {"who": waiver.asked_by, "why": waiver.reason},
        "actions": [{"label": _("Decide"), "url": url}],
    }


def _review(review: AccessReview, now: datetime) -> dict[str, Any]:
    url = reverse("access_review", args=[review.pk])
    return {
        "icon": "users",
        "tone": "warn",
        "title": _("Who may do what in %(team)s, %(period)s") % {"team": review.team, "period": review.period},
        "url": url,
        "text": _("Confirm or revoke each right by %(at)s.") % {"at": short_clock(review.due_at, now=now)},
        "actions": [{"label": _("Review"), "url": url}],
    }
