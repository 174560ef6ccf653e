"""Pages for requests that cannot be answered: each says what happened and what to do next."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that came without its token: nothing was done."""
    return render(request, "errors/csrf.html", status=403)
