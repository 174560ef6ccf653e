"""Access reviews: what is open, one review with its rights to confirm or revoke, and its file."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from policies.access import reviews as actions
from policies.models import AccessReview
from policies.results import Denied
from portal import people_near
from portal.views.pages import problem_of, status_of, viewer


@require_safe
def reviews(request: HttpRequest) -> HttpResponse:
    """Reviews of the viewer's teams, open ones first."""
    context = {
        "reviews": actions.visible_to(viewer(request))[:200],
        "crumbs": [(_("Access"), "/access/"), (_("Reviews"), None)],
        "part": "reviews",
    }
    return render(request, "access/reviews.html", context)


@require_safe
def review(request: HttpRequest, pk: int) -> HttpResponse:
    """Every right under review."""
    return _page(request, people_near.review(viewer(request), pk))


def _page(request: HttpRequest, found: AccessReview, denied: Denied | None = None) -> HttpResponse:
    user = viewer(request)
    context = {
        "review": found,
        "items": found.items.select_related("user", "decided_by"),
        "may_decide": bool(actions.reviews(user, found.team)),
        "problem": problem_of(denied, _("Not decided")),
        "crumbs": [(_("Access"), "/access/"), (_("Reviews"), "/access/reviews/"), (str(found), None)],
        "part": "reviews",
    }
    return render(request, "access/review.html", context, status=status_of(denied))


@require_POST
def review_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm or revoke one right."""
    user = viewer(request)
    item = people_near.review_item(user, pk)
    keep = request.POST.get("decision") == "confirm"
    answer = actions.decide(by=user, item=item, keep=keep, note=request.POST.get("note", ""))
    if isinstance(answer, Denied):
        return _page(request, people_near.review(user, item.review_id), answer)
    words = {"what": answer.what.capitalize(), "who": item.user, "decision": answer.decision}
    messages.success(request, _("%(what)s of %(who)s is %(decision)s.") % words)
    return redirect("access_review", pk=item.review_id)


@require_safe
def review_export(request: HttpRequest, pk: int) -> HttpResponse:
    """The review as CSV."""
    found = people_near.review(viewer(request), pk)
    response = HttpResponse(actions.as_csv(found), content_type="text/csv; charset=utf-8")
    name = f"access-review-{found.team.slug}-{found.period}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
