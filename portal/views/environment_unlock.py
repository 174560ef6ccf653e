"""Breaking the lock of an environment's Terraform state, with a reason."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from policies.results import Denied
from portal import loaders
from portal.views.environments import render_environment
from portal.views.pages import problem_of, viewer
from provisioning.actions.terraform import break_lock


@require_POST
def unlock(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Break the lock of the state; the reason is kept."""
    user = viewer(request)
    found = loaders.environment(user, pk)
    answer = break_lock(by=user, environment=found, reason=request.POST.get("reason", ""))
    if isinstance(answer, Denied):
        tab = "state" if found.driver == "terraform" else "overview"
        return render_environment(request, found, tab, status=answer.status, problem=problem_of(answer))
    messages.success(request, _("The lock is broken. The next operation takes it anew."))
    return redirect("environment_tab", pk=found.pk, tab="state")
