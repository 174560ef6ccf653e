"""Standing in for absent signers, breaking the glass, and the review afterwards."""

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from policies.delegations import Absence, delegate, end
from policies.models import Team, User
from policies.permissions import Permission, may, teams_with
from policies.results import Denied
from portal import loaders
from portal.views import second_factor
from portal.views.pages import problem_of, status_of, viewer
from provisioning import selectors
from provisioning.actions import break_glass as glass_actions


@require_http_methods(["GET", "HEAD", "POST"])
def delegations(request: HttpRequest) -> HttpResponse:
    """Who signs for whom; POST names somebody."""
    if request.method != "POST":
        return _list(request)
    absence = _absence(request)
    answer = delegate(by=viewer(request), absence=absence) if isinstance(absence, Absence) else absence
    if isinstance(answer, Denied):
        return _list(request, answer)
    messages.success(request, _("%(to)s signs for %(of)s.") % {"to": answer.to, "of": answer.of})
    return redirect("delegations")


@require_POST
def delegation_end(request: HttpRequest, pk: int) -> HttpResponse:
    """End a delegation now."""
    found = selectors.delegations_visible_to(viewer(request)).filter(pk=pk).first()
    if found is None:
        raise Http404("delegation")
    answer = end(by=viewer(request), delegation=found)
    return _list(request, answer) if isinstance(answer, Denied) else redirect("delegations")


@require_POST
def emergency_review(request: HttpRequest, pk: int) -> HttpResponse:
    """Write what came of an emergency."""
    found = selectors.emergencies_visible_to(viewer(request)).filter(pk=pk).first()
    if found is None:
        raise Http404("emergency")
    answer = glass_actions.review(by=viewer(request), glass=found, text=request.POST.get("review", "")[:4000])
    if isinstance(answer, Denied):
        context = {"problem": problem_of(answer), "crumbs": _crumbs(_("Emergencies"))}
        return render(request, "approval_rules/refused.html", context, status=answer.status)
    messages.success(request, _("The review is kept."))
    return redirect("approval_rules")


@require_http_methods(["GET", "HEAD", "POST"])
def break_glass(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What breaking the glass means, and the reason; POST does it for exactly the plan that was shown."""
    found, denied = loaders.operation(viewer(request), pk), None
    if request.method == "POST":
        asked = {name: request.POST.get(name, "")[:2000] for name in ("digest", "reason")}
        answer = glass_actions.break_glass(by=viewer(request), operation=found, **asked)
        if not isinstance(answer, Denied):
            messages.success(request, _("It begins without its signatures. The owners are paged."))
            return redirect("operation", pk=pk)
        if second_factor.is_wanted(answer):
            return second_factor.ask(request, answer)
        denied = answer
    context = {
        "operation": found,
        "may": may(viewer(request), Permission.BREAK_GLASS, found.environment.service),
        "problem": problem_of(denied, _("The glass is whole")),
        "crumbs": [(found.short_id, reverse("operation", args=[pk])), (_("Break the glass"), None)],
    }
    return render(request, "approval_rules/glass.html", context, status=status_of(denied))


def _list(request: HttpRequest, denied: Denied | None = None) -> HttpResponse:
    user = viewer(request)
    owned = teams_with(user, Permission.MANAGE_TEAM)
    members = User.objects.filter(is_active=True, is_service=False)
    context = {
        "rows": selectors.delegations_visible_to(user),
        "now": timezone.now(),
        "owned": owned,
        "absent": members.filter(memberships__team__in=owned).exclude(pk=user.pk).distinct().order_by("full_name"),
        "people": members.order_by("full_name"),
        "problem": problem_of(denied, _("Nobody was named")),
        "crumbs": _crumbs(_("Standing in")),
    }
    status = status_of(denied)
    return render(request, "approval_rules/delegations.html", context, status=status)


def _absence(request: HttpRequest) -> Absence | Denied:
    user, data = viewer(request), request.POST
    to = User.objects.filter(username=data.get("to", ""), is_active=True, is_service=False).first()
    of = User.objects.filter(username=data.get("of", "") or user.username).first()
    if to is None or of is None:
        return Denied("delegation.known", "to", _("There is no such person."), _("Choose one of the list."), status=422)
    team = Team.objects.filter(slug=data.get("team", "")).first()
    starts, ends = (_moment(user, data.get(name, "")) for name in ("starts_at", "ends_at"))
    if ends is None:
        return Denied("delegation.ends", "ends_at", _("Say when it ends."), status=422)
    return Absence(of, to, starts or timezone.now(), ends, data.get("reason", ""), team)


def _moment(user: User, text: str) -> datetime | None:
    """A moment of the person's own clock."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(user.time_zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _crumbs(last: str) -> list[tuple[str, str | None]]:
    return [(_("Governance"), "/governance/"), (_("Approval rules"), "/approval-rules/"), (last, None)]
