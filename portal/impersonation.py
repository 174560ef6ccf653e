"""While somebody looks as another: whose eyes a request has, and that it can write nothing, whatever it tries."""

from collections.abc import Callable

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.context import ReadOnly, read_only
from policies.access import looking
from policies.access.refusals import refuse
from policies.models import Impersonation, User
from policies.results import Denied
from portal.api.problems import CONTENT_TYPE, problem
from portal.views.pages import problem_of

LOOK_KEY = "look"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
GetResponse = Callable[[HttpRequest], HttpResponse]


def eyes(session: SessionBase, user: User) -> User:
    """Through whose eyes the session looks at this moment: somebody else's, or its own."""
    pk = session.get(LOOK_KEY)
    look = looking.present(user, pk) if isinstance(pk, int) else None
    return look.subject if look is not None else user


class Impersonated:
    """Puts the person who is looked as in the request's place; the actor stays beside, for ending it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        look = self._look(request)
        if look is None:
            return self.get_response(request)
        if request.path in {reverse("access_look_end"), reverse("signout")}:
            return self._ended_first(request, look)
        actor = request.user
        if request.method not in SAFE:
            return _refused(request, actor, look)
        request.user, request.look = look.subject, look  # type: ignore[attr-defined]
        with read_only(f"{actor} looks as {look.subject}"):
            return self.get_response(request)

    def _look(self, request: HttpRequest) -> Impersonation | None:
        """The look that is open now; one that is over leaves the session."""
        pk = request.session.get(LOOK_KEY)
        if not isinstance(pk, int) or not isinstance(request.user, User):
            return None
        look = looking.present(request.user, pk)
        if look is None:
            del request.session[LOOK_KEY]
        return look

    def _ended_first(self, request: HttpRequest, look: Impersonation) -> HttpResponse:
        """Signing out ends the look too; the actor does it."""
        if request.path == reverse("signout") and isinstance(request.user, User):
            looking.end(by=request.user, pk=look.pk)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A page that would write something while it is read."""
        if not isinstance(exception, ReadOnly):
            return None
        return _answer(request, _denied(request.look.subject))  # type: ignore[attr-defined]


def _refused(request: HttpRequest, actor: object, look: Impersonation) -> HttpResponse:
    denied = _denied(look.subject)
    if isinstance(actor, User):
        refuse(denied, by=actor, object=look.subject.audit_ref)
    request.user, request.look = look.subject, look  # type: ignore[attr-defined]
    return _answer(request, denied)


def _denied(subject: User) -> Denied:
    reason = f"You look as {subject}, and a look changes nothing. Nothing was done."
    return Denied("impersonation.read_only", "", reason, "End it, then act as yourself.", "You")


def _answer(request: HttpRequest, denied: Denied) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse(problem(denied).data, status=denied.status, content_type=CONTENT_TYPE)
    context = {"problem": problem_of(denied, _("Looking only"))}
    return render(request, "access/looking.html", context, status=denied.status)
