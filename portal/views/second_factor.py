"""The page on which a second factor is entered, also in the middle of another form: nothing of that form is lost.

A refused form is shown again as hidden fields; after a right code the browser sends it once more (307).
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from policies import factors
from policies.factors import Proof
from policies.results import Denied
from portal.second_factor import entering, keys, session
from portal.views.pages import viewer

OURS = ("factor_code", "factor_credential", "factor_again", "factor_next", "factor_why", "csrfmiddlewaretoken")


def is_wanted(answer: object) -> bool:
    """Was this refused only because no second factor was entered lately?"""
    return isinstance(answer, Denied) and answer.field == "second_factor"


def ask(request: HttpRequest, denied: Denied) -> HttpResponse:
    """Instead of the refusal: the page for the code, which sends this form again afterwards."""
    back = _inside(request, request.headers.get("Referer", "")) or resolve_url("home")
    return _page(request, status=denied.status, why=denied.reason, again=request.get_full_path(), back=back)


@never_cache
@sensitive_post_parameters("factor_code", "factor_credential")
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Enter a code or use a key, and go on to where one came from."""
    again, back = _target(request, "factor_again"), _target(request, "factor_next") or _target(request, "next")
    if request.method != "POST":
        return _page(request, back=back)
    answer = _entered(request)
    if isinstance(answer, Denied):
        return _page(request, status=answer.status, denied=answer, again=again, back=back)
    session.keep(request, answer)
    return redirect(again, preserve_request=True) if again else redirect(back or "security")


def _entered(request: HttpRequest) -> Proof | Denied:
    by, credential = viewer(request), request.POST.get("factor_credential", "")
    code = request.POST.get("factor_code", "")
    kept = session.found_in(request)
    if not code and not credential and kept is not None and factors.fresh(by, ""):
        return kept
    return keys.enter(by=by, answer=credential) if credential else entering.enter(by=by, typed=code)


def _page(
    request: HttpRequest,
    *,
    status: int = 200,
    why: str = "",
    denied: Denied | None = None,
    again: str = "",
    back: str = "",
) -> HttpResponse:
    user = viewer(request)
    context = {
        "crumbs": [("Second factor", None)],
        "why": why or request.POST.get("factor_why", ""),
        "denied": denied,
        "again": again,
        "back": back or resolve_url("home"),
        "held": [(name, value) for name, values in request.POST.lists() if name not in OURS for value in values],
        "has_factor": factors.has_factor(user),
        "challenge": keys.challenge(user) if keys.usable(request) else "",
    }
    response = render(request, "second_factor/enter.html", context, status=status)
    if request.headers.get("HX-Request"):
        # The part of the page that asked is replaced by this page's body, whatever the part was.
        response.status_code = 422
        response["HX-Retarget"] = response["HX-Reselect"] = "#page"
        response["HX-Reswap"] = "outerHTML"
    return response


def _target(request: HttpRequest, name: str) -> str:
    return _inside(request, request.POST.get(name) or request.GET.get(name) or "")


def _inside(request: HttpRequest, wanted: str) -> str:
    """The address if it is one of this portal's, else nothing."""
    allowed = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if allowed else ""
