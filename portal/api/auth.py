"""Who calls the API: a bearer token, or the browser's session with CSRF. Token rights are scopes ∩ the owner's."""

from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request
from rest_framework.views import APIView

from policies import tokens
from policies.models import ApiToken, User

SAFE_SCOPE = "read"


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer berth_…`."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = tokens.find(value.strip())
        if token is None:
            raise exceptions.AuthenticationFailed("The token is unknown, ended or expired. Make a new one in Settings.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="berth"'


class Session(authentication.SessionAuthentication):
    """The signed-in person's browser session; writing needs the CSRF token."""


class HasScope(permissions.BasePermission):
    """A token reads with scope `read` and writes with the scope that the view names for the method."""

    message = "The token lacks the scope."

    def has_permission(self, request: Request, view: APIView) -> bool:
        token = request.auth
        if not isinstance(token, ApiToken):
            return bool(request.user and request.user.is_authenticated)
        wanted = getattr(view, "scopes", {}).get(request.method, SAFE_SCOPE)
        self.message = f"The token lacks the scope {wanted}. Make one with that scope in Settings."
        return wanted in token.scopes
