"""The way into governance: its parts, each with what it is for."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.governance import parts


@require_safe
def governance(request: HttpRequest) -> HttpResponse:
    """Every part with a page."""
    return render(request, "governance/page.html", {"parts": parts(), "crumbs": [(_("Governance"), None)]})
