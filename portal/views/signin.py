"""Signing in with a password, a one-time link or (DEBUG only) as a demo person, and signing out."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from policies.results import Denied
from policies.tokens import use_link
from portal import accounts
from portal.views.pages import status_of, viewer


def safe_next(request: HttpRequest) -> str:
    """Where to go afterwards: only within this portal."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL)


def _form(request: HttpRequest, *, denied: Denied | None = None, username: str = "") -> HttpResponse:
    context = {
        "next": safe_next(request),
        "people": accounts.demo_people().prefetch_related("memberships__team"),
        "denied": denied,
        "username": username,
    }
    return render(request, "signin/signin.html", context, status=status_of(denied))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def signin(request: HttpRequest) -> HttpResponse:
    """The form; who is signed in already goes on."""
    if request.user.is_authenticated:
        return redirect(safe_next(request))
    if request.method != "POST":
        return _form(request)
    username = request.POST.get("username", "").strip()
    answer = accounts.sign_in(request, username=username, password=request.POST.get("password", ""))
    if isinstance(answer, Denied):
        return _form(request, denied=answer, username=username)
    return redirect(safe_next(request))


@require_POST
def demo(request: HttpRequest) -> HttpResponse:
    """Sign in as a demo person without a password; exists only while DEBUG is on."""
    person = accounts.demo_people().filter(username=request.POST.get("person", "")).first()
    if person is None:
        raise Http404("person")
    accounts.open_session(request, person, method="demo")
    return redirect(safe_next(request))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, value: str) -> HttpResponse:
    """A one-time link: looking at it spends nothing, only the button does."""
    if request.method != "POST":
        return render(request, "signin/link.html")
    person = use_link(value)
    if person is None:
        return render(request, "signin/link.html", {"spent": True}, status=410)
    accounts.open_session(request, person, method="link")
    return redirect("home")


@require_POST
def signout(request: HttpRequest) -> HttpResponse:
    """End the session."""
    accounts.close_session(request, viewer(request))
    return redirect("signin")
