"""Signing in with a password. Demo passwords work only while DEBUG is on."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend

DEMO_DOMAIN = "demo.berth.invalid"


class PasswordBackend(ModelBackend):
    """Django's own check, except that machines never sign in, and demo people not to a production portal."""

    def user_can_authenticate(self, user: Any) -> bool:
        if getattr(user, "is_service", False):
            return False
        demo = getattr(user, "email", "").endswith(f"@{DEMO_DOMAIN}")
        return super().user_can_authenticate(user) and (settings.DEBUG or not demo)

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Rights come from policies/permissions.py only; a superuser flag opens nothing."""
        return False
