"""Where the organisation asks for a second factor, and who has one; resetting another's."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from policies import factors
from policies.models import Purpose, User
from policies.permissions import Permission, may
from policies.results import Denied
from portal.second_factor.removing import reset
from portal.views import second_factor
from portal.views.pages import problem_of, status_of, viewer

PAGE = 50
_HELD = Authenticator.objects.filter(user=OuterRef("pk"), type__in=factors.FACTORS)


@require_http_methods(["GET", "HEAD", "POST"])
def factor_rules(request: HttpRequest) -> HttpResponse:
    """The four acts; POST changes the rule of one."""
    if request.method != "POST":
        return _rules(request)
    if request.POST.get("purpose") not in Purpose.values:
        raise Http404("purpose")
    minutes = request.POST.get("minutes", "")
    answer = factors.change_rule(
        by=viewer(request),
        purpose=Purpose(request.POST["purpose"]),
        required=request.POST.get("required") == "1",
        minutes=int(minutes) if minutes.isascii() and minutes.isdigit() and len(minutes) < 9 else 0,
        tokens=request.POST.get("tokens") == "1",
    )
    if isinstance(answer, Denied):
        if second_factor.is_wanted(answer):
            return second_factor.ask(request, answer)
        return _rules(request, denied=answer)
    messages.success(request, _("The rule is changed: %(act)s.") % {"act": Purpose(answer.purpose).label})
    return redirect("factor_rules")


def _rules(request: HttpRequest, *, denied: Denied | None = None) -> HttpResponse:
    user = viewer(request)
    context = {
        "crumbs": _crumbs(None),
        "rules": factors.rules(),
        "may_change": bool(may(user, Permission.MANAGE_POLICIES, None)),
        "may_people": bool(may(user, Permission.MANAGE_ACCESS, None)),
        "people": _people().count(),
        "with_factor": _people().filter(Exists(_HELD)).count(),
        "problem": problem_of(denied, _("Nothing was changed")),
    }
    return render(request, "second_factor/rules.html", context, status=status_of(denied))


def _crumbs(rules: str | None) -> list[tuple[str, str | None]]:
    return [(_("Governance"), "/governance/"), (_("Second factors"), rules)]


def _people() -> QuerySet[User]:
    return (
        User.objects.filter(is_active=True, is_service=False)
        .annotate(has_factor=Exists(_HELD))
        .order_by("full_name", "pk")
    )


@require_safe
def factor_people(request: HttpRequest) -> HttpResponse:
    """Who has a second factor; a platform engineer resets those of a person who lost them."""
    return _list(request)


def _list(request: HttpRequest, *, denied: Denied | None = None, **more: Any) -> HttpResponse:
    if not may(viewer(request), Permission.MANAGE_ACCESS, None):
        raise PermissionDenied
    asked = request.GET.get("q", "").replace("\x00", "")[:80]
    rows = _people().filter(Q(full_name__icontains=asked) | Q(username__icontains=asked)) if asked else _people()
    context = {
        "crumbs": [*_crumbs("/second-factor/rules/"), (_("People"), None)],
        "page": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "asked": asked,
        "problem": problem_of(denied, _("Nothing was reset")),
        **more,
    }
    return render(request, "second_factor/people.html", context, status=status_of(denied))


@require_POST
def factor_reset(request: HttpRequest, pk: int) -> HttpResponse:
    """Take all factors from a person, with a reason."""
    person = get_object_or_404(User, pk=pk, is_active=True)
    answer = reset(by=viewer(request), person=person, reason=request.POST.get("reason", ""))
    if isinstance(answer, Denied):
        return _list(request, denied=answer)
    messages.success(
        request, _("The factors of %(name)s are reset. The next page they open says so.") % {"name": person}
    )
    return redirect("factor_people")
