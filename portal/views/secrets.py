"""Reveal a secret once: recorded with a reason before it is read, on a page that nobody keeps."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from policies.results import Denied
from portal import loaders
from portal.views import second_factor
from portal.views.environments import render_environment
from portal.views.pages import problem_of, viewer
from provisioning.actions.secrets import authorise_reveal, read_once


@never_cache
@require_POST
@sensitive_variables("values", "shown")
def reveal(request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
    """The values of one secret, for this answer only."""
    user = viewer(request)
    found = loaders.environment(user, pk)
    grant = authorise_reveal(by=user, environment=found, name=name, reason=request.POST.get("reason", ""))
    values = grant if isinstance(grant, Denied) else read_once(grant)
    if isinstance(values, Denied) and second_factor.is_wanted(values):
        return second_factor.ask(request, values)
    if isinstance(values, Denied):
        more = {"problem": problem_of(values), "refused_name": name}
        return render_environment(request, found, "secrets", status=values.status, **more)
    shown = [(key, value.reveal()) for key, value in sorted(values.items())]
    crumbs = [("Environments", "/environments/"), (found.name, f"/environments/{found.pk}/"), ("Secret", None)]
    context = {"environment": found, "name": name, "values": shown, "crumbs": crumbs, "grant": grant}
    return render(request, "environments/revealed.html", context)
