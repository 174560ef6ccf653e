"""People who have a second factor, and who entered it: without a device, a browser or Vault."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.utils import timezone

from audit.context import context
from policies import factors
from policies.models import FactorRule, User
from tests.software_key import SoftwareKey


def enrolled(user: User, name: str = "Blue key") -> Authenticator:
    """A security key of this person that nobody has in hand."""
    credential = json.loads(SoftwareKey().made({"challenge": "nobody-asked"}))
    data = {"name": name, "credential": credential, "counter": 1}
    with context(by=user):
        return Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data=data)


@contextmanager
def proved(user: User, *, at: datetime | None = None, method: str = "webauthn") -> Iterator[factors.Proof]:
    """Act as if this person had entered a factor (just now, unless said otherwise)."""
    factor = Authenticator.objects.filter(user=user).first() or enrolled(user)
    proof = factors.Proof(user.pk, method, at or timezone.now(), factor.pk)
    with factors.carried(proof):
        yield proof


def required(*purposes: str, **more: Any) -> None:
    """The organisation asks for a factor at these acts."""
    with context(by="system:test"):
        for purpose in purposes:
            FactorRule.objects.create(purpose=purpose, required=True, **more)
