"""Who calls the API: a bearer token, or the browser's session with CSRF. Token rights are scopes ∩ the owner's."""

from typing import TYPE_CHECKING

from rest_framework import authentication, exceptions, permissions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from policies import factors, tokens
from policies.models import ApiToken, User

if TYPE_CHECKING:
    # The settings name this module, so the framework's views import it before they are whole.
    from rest_framework.views import APIView

REALM = 'Bearer realm="berth"'
READ = "read"
OPERATE = "operate"


class ScopeMissing(exceptions.PermissionDenied):
    """The token is good, but not for this."""


class CsrfMissing(exceptions.PermissionDenied):
    """A session wrote without its CSRF token."""


class SessionNeeded(exceptions.PermissionDenied):
    """Only the person in the browser may do this, never a token."""


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer berth_…`."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise exceptions.AuthenticationFailed("Only Authorization: Bearer is understood.")
        token = tokens.find(value.strip())
        if token is None:
            raise exceptions.AuthenticationFailed("The token is unknown, ended or expired.")
        factors.proof.set(factors.of_token(token))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return REALM


class Session(authentication.SessionAuthentication):
    """The signed-in person's browser session; writing needs the CSRF token."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as error:
            raise CsrfMissing("The CSRF token is missing or wrong. Nothing was done.") from error


class HasScope(permissions.BasePermission):
    """A token reads with scope `read` and writes with `operate`, unless the view names another for the method."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        token = request.auth
        if not isinstance(token, ApiToken):
            return bool(request.user and request.user.is_authenticated)
        wanted = scope_of(view, request.method or "")
        if wanted not in token.scopes:
            raise ScopeMissing(f"The token lacks the scope {wanted}.")
        return True


class IsPerson(permissions.BasePermission):
    """A token can never make another: only the person in the browser can."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if isinstance(request.auth, ApiToken) and request.method not in SAFE_METHODS:
            raise SessionNeeded("A token cannot make tokens.")
        return True


def scope_of(view: "APIView | type[APIView]", method: str) -> str:
    """The scope a token needs for this method of this view."""
    usual = READ if method in SAFE_METHODS else OPERATE
    return str(getattr(view, "scopes", {}).get(method, usual))
