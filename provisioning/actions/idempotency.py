"""A repeated request with the same key is the same request: it answers the same operation, or says what differs."""

from collections.abc import Mapping
from typing import Any

from policies.models import User
from policies.results import Denied
from provisioning.digest import sha256
from provisioning.models import Operation


def request_digest(kind: str, asked: Mapping[str, Any]) -> str:
    """The address of what was asked."""
    return sha256({"kind": kind, "asked": asked})


def earlier(*, by: User, key: str, digest: str) -> Operation | Denied | None:
    """The operation that this key made before, a refusal when it asked for something else, or None."""
    if not key:
        return None
    if len(key) > 80:
        return Denied("request.key", "Idempotency-Key", "At most 80 characters.", "Use a UUID.", status=422)
    found = Operation.objects.filter(requester=by, idempotency_key=key).first()
    if found is None or found.request_digest == digest:
        return found
    return Denied(
        rule="request.key_reused",
        field="Idempotency-Key",
        reason=f"This key was used for another request ({found.short_id}).",
        fix="Use a new key for a new request.",
        status=409,
    )
