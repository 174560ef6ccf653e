"""Begin and end looking as somebody. What a look may not do is the middleware's (`portal/impersonation.py`)."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from policies.access import looking
from policies.results import Denied
from portal import people_near
from portal.impersonation import LOOK_KEY
from portal.views.access_people import shown
from portal.views.pages import viewer


@require_POST
def begin(request: HttpRequest, username: str) -> HttpResponse:
    """Look as this person from the next request on."""
    user = viewer(request)
    found = people_near.person(user, username)
    look = looking.begin(by=user, subject=found, reason=request.POST.get("reason", ""))
    if isinstance(look, Denied):
        return shown(request, found, look)
    request.session[LOOK_KEY] = look.pk
    return redirect("home")


@require_POST
def end(request: HttpRequest) -> HttpResponse:
    """Be oneself again."""
    pk = request.session.pop(LOOK_KEY, None)
    if isinstance(pk, int):
        looking.end(by=viewer(request), pk=pk)
        messages.success(request, _("You are yourself again."))
    return redirect("access")
