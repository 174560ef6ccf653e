"""Who looks: the signed-in person of a request, as our own user type."""

from typing import cast

from django.http import HttpRequest

from policies.models import User


def viewer(request: HttpRequest) -> User:
    """The person of a request that passed the sign-in middleware."""
    return cast(User, request.user)
