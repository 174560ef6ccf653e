"""The way into governance: its parts, each with what it is for and what there is of it now."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from policies import budgets, engine, quotas, stops, waivers, windows
from policies.access import reviews
from policies.bundle import Bundle
from policies.models import User
from policies.requirements import active_rules
from portal import people_near
from portal.governance import parts
from portal.views.pages import viewer


@require_safe
def governance(request: HttpRequest) -> HttpResponse:
    """Every part with a page."""
    now = _now(viewer(request))
    rows = [(part, ", ".join(now.get(part.route, ()))) for part in parts()]
    return render(request, "governance/page.html", {"rows": rows, "crumbs": [(_("Governance"), None)]})


def _now(user: User) -> dict[str, list[str]]:
    """A few words for each part that has something to count, as far as the viewer sees it."""
    living = waivers.visible_to(user).filter(state__in=waivers.LIVING).count()
    todo, line = len(waivers.to_decide(user)), stops.open_to(user).count()
    rules = engine.in_force()
    return {
        "policies": [_words(_("%(n)d rules in force"), len(rules.rules))] if isinstance(rules, Bundle) else [],
        "waivers": [_words(_("%(n)d living"), living), *_some(_("%(n)d to decide"), todo)],
        "approval_rules": [_words(_("%(n)d in force"), len(active_rules()))],
        "quotas": [
            _words(ngettext("%(n)d quota", "%(n)d quotas", n := quotas.visible_to(user).count()), n),
            _words(ngettext("%(n)d budget", "%(n)d budgets", n := budgets.visible_to(user).count()), n),
        ],
        "windows": [
            _words(_("%(n)d in force"), windows.visible_to(user).filter(active=True).count()),
            *_some(ngettext("%(n)d stopped line", "%(n)d stopped lines", line), line),
            *_some(_("%(n)d switched on"), stops.on().count()),
        ],
        "access": [
            _words(ngettext("%(n)d grant", "%(n)d grants", n := people_near.grants(user).count()), n),
            *_some(_("%(n)d reviews open"), reviews.visible_to(user).filter(completed_at=None).count()),
        ],
    }


def _words(text: str, count: int) -> str:
    return text % {"n": count}


def _some(text: str, count: int) -> list[str]:
    return [_words(text, count)] if count else []
