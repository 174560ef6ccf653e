"""One's own second factors: enrol, remove, recovery codes."""

from urllib.parse import quote, urlencode

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from policies import factors
from policies.models import User
from policies.permissions import Permission, may
from policies.results import Denied
from portal import loaders
from portal.second_factor import codes, enrolling, keys, removing, session
from portal.second_factor.enrolling import Enrolled
from portal.second_factor.entering import SEALED
from portal.views import second_factor
from portal.views.pages import problem_of, status_of, viewer
from provisioning.drivers.base import DriverError

PENDING = "second_factor_seed"


@never_cache
@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """What one has, what is left of the recovery codes, and where a factor is needed."""
    return _security(request)


def _security(request: HttpRequest, *, denied: Denied | None = None) -> HttpResponse:
    user = viewer(request)
    rows = list(Authenticator.objects.filter(user=user).order_by("created_at", "pk"))
    recovery = next((row for row in rows if row.type == Authenticator.Type.RECOVERY_CODES), None)
    context = {
        **_frame(_("Security")),
        "factors": [row for row in rows if row is not recovery],
        "has_app": any(row.type == Authenticator.Type.TOTP for row in rows),
        "recovery": recovery,
        "left": codes.left(recovery) if recovery else 0,
        "rules": factors.rules(),
        "proof": session.found_in(request),
        "keys_usable": keys.usable(request),
        "may_people": bool(may(user, Permission.MANAGE_ACCESS, None)),
        "problem": problem_of(denied, _("Nothing was changed")),
    }
    return render(request, "second_factor/security.html", context, status=status_of(denied))


def _frame(word: str) -> dict[str, object]:
    crumbs = [(_("Settings"), reverse("settings_page")), (_("Security"), reverse("security"))]
    return {"tab": "security", "crumbs": crumbs if word == _("Security") else [*crumbs, (word, None)]}


@never_cache
@sensitive_post_parameters("code")
@sensitive_variables("seed", "secret")
@require_http_methods(["GET", "HEAD", "POST"])
def app(request: HttpRequest) -> HttpResponse:
    """Enrol an authenticator app: a picture, a secret to type instead, and a code that shows it works."""
    user = _oneself(request)
    denied = keys.may_register(user)
    if denied is not None:
        return _enter_first(request)
    try:
        seed = request.session.get(PENDING) or codes.new_seed(user)
        request.session[PENDING] = seed
        secret = codes.seed_text(user, seed)
    except DriverError:
        request.session.pop(PENDING, None)
        return _security(request, denied=SEALED)
    if request.method == "POST":
        answer = enrolling.add_app(by=user, seed=seed, code=request.POST.get("code", ""))
        if isinstance(answer, Enrolled):
            request.session.pop(PENDING, None)
            return _enrolled(request, answer, _("Your authenticator app is set up."))
        denied = answer
    return _app(request, user, secret, denied)


@sensitive_variables("secret", "picture")
def _app(request: HttpRequest, user: User, secret: str, denied: Denied | None) -> HttpResponse:
    picture = get_adapter().build_totp_svg(get_adapter().build_totp_url(user, secret))
    context = {
        **_frame(_("Authenticator app")),
        # Drawn by a library from letters and digits of our own.
        "picture": mark_safe(picture.partition("?>")[2]),  # noqa: S308
        "secret": " ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
        "denied": denied,
    }
    return render(request, "second_factor/app.html", context, status=status_of(denied))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def key(request: HttpRequest) -> HttpResponse:
    """Register a security key or a passkey under a name."""
    user, denied = _oneself(request), None
    if keys.may_register(user) is not None:
        return _enter_first(request)
    if request.method == "POST":
        answer = enrolling.add_key(
            by=user, name=request.POST.get("name", ""), answer=request.POST.get("factor_credential", "")
        )
        if isinstance(answer, Enrolled):
            return _enrolled(request, answer, _("The key is registered."))
        denied = answer
    usable = keys.usable(request)
    context = {
        **_frame(_("Security key")),
        "usable": usable,
        "options": keys.registration(user) if usable else "",
        "denied": denied,
        "name": request.POST.get("name", ""),
    }
    return render(request, "second_factor/key.html", context, status=status_of(denied))


def _oneself(request: HttpRequest) -> User:
    """Nobody sets up a factor while looking as somebody else, not even up to the picture."""
    if hasattr(request, "look"):
        raise PermissionDenied
    return viewer(request)


def _enter_first(request: HttpRequest) -> HttpResponse:
    return redirect(f"{reverse('second_factor')}?{urlencode({'next': request.path})}")


def _enrolled(request: HttpRequest, answer: Enrolled, said: str) -> HttpResponse:
    session.keep(request, answer.proof)
    if answer.codes:
        return _codes(request, answer.codes, said)
    messages.success(request, said)
    return redirect("security")


@sensitive_variables("made", "text")
def _codes(request: HttpRequest, made: list[str], said: str) -> HttpResponse:
    shown = [f"{code[:5]}-{code[5:]}" for code in made]
    text = "Berth recovery codes of {}\nEach works once.\n\n{}\n".format(request.user.get_username(), "\n".join(shown))
    file = f"data:text/plain;charset=utf-8,{quote(text)}"
    context = {**_frame(_("Recovery codes")), "codes": shown, "file": file, "said": said}
    return render(request, "second_factor/codes.html", context)


@never_cache
@require_POST
def recovery(request: HttpRequest) -> HttpResponse:
    """New recovery codes, on the answer to this and nowhere else."""
    answer = enrolling.renew_codes(by=viewer(request))
    if isinstance(answer, Denied):
        if second_factor.is_wanted(answer):
            return second_factor.ask(request, answer)
        return _security(request, denied=answer)
    return _codes(request, answer, _("These codes are new. The earlier ones have ended."))


@never_cache
@require_POST
def factor_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove one factor."""
    user = viewer(request)
    answer = removing.remove(by=user, factor=loaders.factor(user, pk))
    if isinstance(answer, Denied):
        if second_factor.is_wanted(answer):
            return second_factor.ask(request, answer)
        return _security(request, denied=answer)
    messages.success(request, _("The factor is removed."))
    return redirect("security")


@require_POST
def told(request: HttpRequest) -> HttpResponse:
    """The person has read that their factors were reset."""
    removing.acknowledge(by=viewer(request))
    return redirect("security")
