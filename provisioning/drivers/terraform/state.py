"""Berth's state backend: who may read or write a state, its lock, its encrypted bodies and their history.

The portal's view is a thin shell over this. Bodies are ciphertext of Vault transit before they reach Postgres.
"""

import hashlib
import json
import secrets
import uuid
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from audit.context import context
from audit.record import record
from provisioning import vault
from provisioning.drivers.base import LeaseLost
from provisioning.models import Environment, TerraformRun, TerraformState, TerraformStateVersion
from provisioning.redaction import learn

LARGEST = 16 * 1024 * 1024
KEPT_BODIES = 20
# The lease is held as it is: the next owner cannot claim before this commits.
_LEASE = """
SELECT o.id IS NOT NULL, l.fence
FROM (SELECT %s AS wanted) w
LEFT JOIN provisioning_operation o ON o.id::text = w.wanted
LEFT JOIN LATERAL (SELECT fence FROM provisioning_operationlease WHERE operation_id = o.id FOR SHARE) l ON true
"""


class StateRefused(Exception):
    """A request to the backend that is not granted: `status` and the words are the answer, `held` the lock's info."""

    def __init__(self, status: int, reason: str, held: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.held = status, reason, held


@dataclass(frozen=True)
class Fenced:
    """For whom a run writes: the operation and the fence under which it was claimed."""

    operation: str
    fence: int


@contextmanager
def run(environment: str, *, seconds: float, by: Fenced | None = None) -> Iterator[str]:
    """A token for one run, good for `seconds` and until the run ends. Without `by` it reads only."""
    value = learn(f"berth_{secrets.token_urlsafe(32)}")
    made = TerraformRun(
        environment_id=uuid.UUID(environment),
        token_hash=_hash(value),
        operation=by.operation if by else "",
        fence=by.fence if by else 0,
        expires_at=timezone.now() + timedelta(seconds=seconds),
    )
    with context(by="system:terraform"):
        if by is not None:
            _owned(environment, by)
        made.save(force_insert=True)
    try:
        yield value
    finally:
        with context(by="system:terraform"):
            TerraformRun.objects.filter(pk=made.pk).delete()
            TerraformRun.objects.filter(expires_at__lt=timezone.now()).delete()


def find(environment: uuid.UUID, token: str) -> TerraformRun:
    """The run that a token stands for. Raises StateRefused (401) for any other."""
    found = TerraformRun.objects.filter(
        environment=environment, token_hash=_hash(token), expires_at__gt=timezone.now()
    ).first()
    if found is None:
        raise StateRefused(401, "The token is unknown, ended or of another environment.")
    return found


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def load(environment: uuid.UUID) -> bytes | None:
    """The present state in clear, or None while there is none. Never store or log what this returns."""
    version = TerraformStateVersion.objects.filter(environment=environment).order_by("-id").first()
    if version is None or not version.size:
        return None
    return zlib.decompress(vault.shared().transit_decrypt(version.body, of=f"environment:{environment}"))


def save(by: TerraformRun, body: bytes, lock_id: str) -> None:
    """Encrypt and keep a new state. Refused without the lock (423) and for an outdated owner (409)."""
    if len(body) > LARGEST:
        raise StateRefused(413, f"The state has more than {LARGEST} bytes.")
    try:
        facts = json.loads(body)
        serial, lineage, resources = int(facts["serial"]), str(facts["lineage"]), len(facts.get("resources") or [])
    except (ValueError, KeyError, TypeError):
        raise StateRefused(400, "The body is not a Terraform state.") from None
    of = f"environment:{by.environment_id}"
    door = vault.shared()
    sealed, digest = door.transit_encrypt(zlib.compress(body), of=of), door.transit_hmac(body)
    with _held(by, lock_id) as row:
        if row.lineage and (row.lineage != lineage or serial < row.serial):
            raise StateRefused(409, "The state was written by somebody else meanwhile.")
        row.serial, row.lineage, row.resources, row.saved_at = serial, lineage, resources, timezone.now()
        row.save(update_fields=["serial", "lineage", "resources", "saved_at"])
        _keep(by, facts=(serial, lineage), sealed=sealed, digest=digest, size=len(body))


def _keep(by: TerraformRun, *, facts: tuple[int, str], sealed: str, digest: str, size: int) -> None:
    serial, lineage = facts
    versions = TerraformStateVersion.objects.filter(environment=by.environment_id)
    versions.create(
        environment_id=by.environment_id,
        serial=serial,
        lineage=lineage,
        operation=by.operation,
        fence=by.fence,
        digest=digest,
        size=size,
        body=sealed,
    )
    old = versions.exclude(body="").order_by("-id").values_list("pk", flat=True)[KEPT_BODIES:]
    versions.filter(pk__in=list(old)).update(body="")
    _tell("state.saved", by, serial=serial, size=size, digest=digest)


def remove(by: TerraformRun, lock_id: str) -> None:
    """Forget the present state; its history stays."""
    with _held(by, lock_id) as row:
        row.serial, row.lineage, row.resources, row.saved_at = 0, "", 0, timezone.now()
        row.save(update_fields=["serial", "lineage", "resources", "saved_at"])
        _keep(by, facts=(0, ""), sealed="", digest="", size=0)


def lock(by: TerraformRun, info: Mapping[str, Any]) -> None:
    """Take the lock. Raises StateRefused (423) with the holder's info while somebody else has it.

    A lock whose run is outdated (its lease was taken over or ended) protects nothing any more, because no write of
    that run is accepted: it is taken over, and recorded.
    """
    wanted = str(info.get("ID", ""))
    if not wanted or len(wanted) > 80:
        raise StateRefused(400, "The lock has no ID.")
    with _fenced(by) as row:
        if row.lock_id and row.lock_id != wanted:
            if row.lock_fence >= by.fence or _is_current(row.lock_operation, row.lock_fence):
                raise StateRefused(423, "The state is locked.", held=row.lock)
            _tell("state.lock_taken_over", by, lock=row.lock_id, operation=row.lock_operation)
        kept = {name: str(info.get(name, ""))[:200] for name in ("ID", "Operation", "Who", "Version", "Created")}
        row.lock_id, row.lock, row.locked_at = wanted, kept, timezone.now()
        row.lock_operation, row.lock_fence = by.operation, by.fence
        row.save(update_fields=["lock_id", "lock", "locked_at", "lock_operation", "lock_fence"])


def unlock(by: TerraformRun, lock_id: str) -> None:
    """Give the lock back. A lock that is somebody else's now is left alone (409)."""
    with context(by="system:terraform"):
        row = _row(by.environment_id)
        if row.lock_id and row.lock_id != lock_id:
            raise StateRefused(409, "The lock is somebody else's.", held=row.lock)
        clear(row)


def clear(row: TerraformState) -> None:
    """Nobody holds the lock any more. Call inside an audit context."""
    row.lock_id, row.lock, row.locked_at, row.lock_operation, row.lock_fence = "", {}, None, "", 0
    row.save(update_fields=["lock_id", "lock", "locked_at", "lock_operation", "lock_fence"])


@contextmanager
def _fenced(by: TerraformRun) -> Iterator[TerraformState]:
    """A transaction in which the run's owner is the current one and the state's row is locked.

    The lease's row is held: the next owner cannot claim before this commits.
    """
    if not by.operation:
        raise StateRefused(403, "This run may only read.")
    with context(by="system:terraform", operation=f"operation:{by.operation}"):
        row = _row(by.environment_id)
        if by.fence < row.fence or not _is_current(by.operation, by.fence):
            raise StateRefused(409, "Another worker has the operation now.")
        yield row


@contextmanager
def _held(by: TerraformRun, lock_id: str) -> Iterator[TerraformState]:
    with _fenced(by) as row:
        if not lock_id or row.lock_id != lock_id:
            raise StateRefused(423, "The run does not hold the lock of the state.", held=row.lock)
        yield row


def _is_current(operation: str, fence: int) -> bool:
    """Is the fence the one under which the operation is claimed? One that the engine does not know has no lease."""
    with connection.cursor() as cursor:
        cursor.execute(_LEASE, [operation])
        known, leased = cursor.fetchone() or (False, None)
    return not known or leased == fence


def _row(environment: uuid.UUID) -> TerraformState:
    TerraformState.objects.bulk_create([TerraformState(environment_id=environment)], ignore_conflicts=True)
    return TerraformState.objects.select_for_update().get(pk=environment)


def _tell(event: str, by: TerraformRun, **data: Any) -> None:
    team = Environment.objects.values_list("team_id", flat=True).get(pk=by.environment_id)
    record(event, object=f"environment:{by.environment_id}", scope=f"team:{team}", data=data)


def rescue(environment: str, by: Fenced, body: bytes) -> None:
    """Keep a state that the binary could not send, under the same rules as if it had. Raises StateRefused."""
    with run(environment, seconds=60, by=by) as token:
        row = find(uuid.UUID(environment), token)
        lock_id = str(uuid.uuid4())
        lock(row, {"ID": lock_id, "Operation": "rescue", "Who": "berth"})
        try:
            save(row, body, lock_id)
        finally:
            unlock(row, lock_id)


def settle(environment: str, by: Fenced, *, tag: str, inputs: Mapping[str, Any]) -> None:
    """Keep what an apply is given, and what the one before was given. The same tag settles once. Raises LeaseLost."""
    with context(by="system:terraform", operation=f"operation:{by.operation}"):
        row = _owned(environment, by)
        if row.inputs_by != tag:
            row.previous, row.inputs, row.inputs_by = row.inputs, dict(inputs), tag
            row.save(update_fields=["previous", "inputs", "inputs_by"])


def before(environment: str, *, tag: str) -> Mapping[str, Any] | None:
    """What the apply before this one was given; None when this one was never begun or has been undone."""
    row = TerraformState.objects.filter(pk=uuid.UUID(environment), inputs_by=tag).first()
    return None if row is None else dict(row.previous)


def go_back(environment: str, by: Fenced, *, tag: str) -> None:
    """Record that an apply was undone. Raises LeaseLost."""
    with context(by="system:terraform", operation=f"operation:{by.operation}"):
        row = _owned(environment, by)
        if row.inputs_by == tag:
            row.inputs, row.inputs_by = row.previous, ""
            row.save(update_fields=["inputs", "inputs_by"])


def _owned(environment: str, by: Fenced) -> TerraformState:
    """The row, locked, with this owner as the newest."""
    row = _row(uuid.UUID(environment))
    if by.fence < row.fence or not _is_current(by.operation, by.fence):
        raise LeaseLost("another worker has the state now")
    row.fence = by.fence
    row.save(update_fields=["fence"])
    return row
