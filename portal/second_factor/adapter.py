"""What allauth.mfa asks of us: seeds encrypted by Vault, bound to their person. Mail is never sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter

from policies.models import User
from provisioning.vault import shared

_whose: ContextVar[int] = ContextVar("second_factor_whose")


@contextmanager
def seeds_of(user: User) -> Iterator[None]:
    """Seeds are encrypted and decrypted for this person; a row copied to another person cannot be read."""
    token = _whose.set(user.pk)
    try:
        yield
    finally:
        _whose.reset(token)


class Adapter(DefaultMFAAdapter):
    """Named in the settings. Outside `seeds_of` nothing can be encrypted or read."""

    def encrypt(self, text: str) -> str:
        return shared().transit_encrypt(text.encode(), of=_bound())

    def decrypt(self, encrypted_text: str) -> str:
        return shared().transit_decrypt(encrypted_text, of=_bound()).decode()

    def get_totp_label(self, user: Any) -> str:
        return str(user.username)

    def get_public_key_credential_user_entity(self, user: Any) -> dict[str, Any]:
        return {"id": f"user:{user.pk}".encode(), "display_name": str(user), "name": user.username}

    def _get_site_name(self) -> str:
        return "Berth"

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """What happens to a factor is an event of the history."""


def _bound() -> str:
    return f"second-factor:user:{_whose.get()}"
