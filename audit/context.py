"""The only door to a writing transaction: who acts, why, and for which request.

The row triggers and `audit.record` read what is set here. No decisions about permission live here.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Protocol

from asgiref.local import Local
from django.db import connection, transaction

request_id: ContextVar[str] = ContextVar("audit_request_id", default="")
_read_only: ContextVar[str] = ContextVar("audit_read_only", default="")

# Bound to the thread exactly as Django's connections are: a context belongs to one connection.
_active = Local(thread_critical=True)


class Actor(Protocol):
    """Whoever can act: a user, a worker, a pipeline."""

    @property
    def audit_ref(self) -> str:
        """Return the stable text reference, as `user:3`."""
        ...

    @property
    def audit_label(self) -> str:
        """Return the name as people know it."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What is recorded with every change of one transaction."""

    actor: str
    actor_label: str
    request_id: str = ""
    operation: str = ""
    reason: str = ""
    scope: str = ""


class ReadOnly(RuntimeError):
    """Something would have been written where only reading is allowed."""


@contextmanager
def read_only(reason: str) -> Iterator[None]:
    """Let no context open in here: whoever looks through another's eyes writes nothing in their name."""
    before = _read_only.set(reason)
    try:
        yield
    finally:
        _read_only.reset(before)


def bind_request_id(value: str) -> None:
    """Set the request id that contexts opened in this thread or task record by default."""
    request_id.set(value)


def current() -> Context | None:
    """Return the context of the open transaction, or None outside one."""
    return getattr(_active, "context", None)


@contextmanager
def context(
    *, by: str | Actor, reason: str = "", operation: str = "", request_id: str | None = None, scope: str = ""
) -> Iterator[Context]:
    """Open a transaction whose changes are recorded as made `by` this actor.

    Nested use is a savepoint that keeps the outer context; another actor inside raises RuntimeError.
    `scope` (as `team:4`) is recorded for changes whose table or event names no scope of its own.
    """
    actor, label = (by, by) if isinstance(by, str) else (by.audit_ref, by.audit_label)
    if not actor:
        raise ValueError("an audit context needs an actor")
    if _read_only.get():
        raise ReadOnly(_read_only.get())
    outer = current()
    if outer is not None:
        if outer.actor != actor:
            raise RuntimeError(f"audit context of {outer.actor} is open; {actor} cannot act inside it")
        with transaction.atomic():
            yield outer
        return
    bound = _bound_request_id() if request_id is None else request_id
    with _opened(Context(actor, label, bound, operation, reason, scope)) as opened:
        yield opened


def _bound_request_id() -> str:
    return request_id.get()


@contextmanager
def _opened(ctx: Context) -> Iterator[Context]:
    borrowed = connection.in_atomic_block
    with transaction.atomic():
        _set(json.dumps(asdict(ctx)))
        _active.context = ctx
        try:
            yield ctx
        finally:
            _active.context = None
        # In a transaction of somebody else the setting would outlive us, and with it the actor.
        if borrowed and not connection.needs_rollback:
            _set("")


def _set(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.ctx', %s, true)", [value])
