"""Delivers outbox messages to consumers, at least once each. What the messages mean is theirs to know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from audit.models import OutboxEvent

Consumer = Callable[[OutboxEvent], None]

# A message claimed by a process that died is taken up again after this long.
CLAIM = timedelta(seconds=60)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
ERROR_LENGTH = 500

_consumers: dict[str, Consumer] = {}


@dataclass(frozen=True, slots=True)
class Delivered:
    """How many claimed messages reached all their consumers, and how many will be tried again."""

    delivered: int
    failed: int


def subscribe(topic: str, name: str, consumer: Consumer) -> None:
    """Register `consumer` under a stable `name`; topic `*` is every topic. Consumers are idempotent."""
    key = f"{topic}/{name}"
    if _consumers.setdefault(key, consumer) is not consumer:
        raise ValueError(f"{key} is already subscribed")


def consumers() -> Mapping[str, Consumer]:
    """Return the registered consumers by `topic/name`."""
    return dict(_consumers)


def deliver(consumers: Mapping[str, Consumer], *, limit: int = 100) -> Delivered:
    """Hand up to `limit` due messages to the consumers (`topic/name` → callable) of their topic.

    Consumers run outside any transaction. One that raises is tried again later with a growing pause;
    those that have accepted the message are not called again.
    """
    outcomes: list[bool] = []
    while len(outcomes) < limit and (event := _claimed(now=timezone.now())):
        outcomes.append(_handed_over(event, consumers))
    return Delivered(delivered=sum(outcomes), failed=len(outcomes) - sum(outcomes))


def _claimed(*, now: datetime) -> OutboxEvent | None:
    with transaction.atomic():
        due = OutboxEvent.objects.select_for_update(skip_locked=True)
        due = due.filter(delivered_at__isnull=True, next_attempt_at__lte=now)
        event = due.order_by("next_attempt_at", "id").first()
        if event is not None:
            event.attempts += 1
            event.next_attempt_at = now + CLAIM
            event.save(update_fields=["attempts", "next_attempt_at"])
        return event


def _handed_over(event: OutboxEvent, consumers: Mapping[str, Consumer]) -> bool:
    errors = []
    for key, consumer in consumers.items():
        topic, _, name = key.rpartition("/")
        if topic not in (event.topic, "*") or key in event.delivered_to:
            continue
        try:
            consumer(event)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is kept and the message tried again
            errors.append(f"{name}: {type(error).__name__}: {error}")
        else:
            event.delivered_to.append(key)
    _noted(event, errors)
    return not errors


def _noted(event: OutboxEvent, errors: list[str]) -> None:
    now = timezone.now()
    # Conditional on our own claim: after its end another process may have taken the message over.
    OutboxEvent.objects.filter(id=event.id, attempts=event.attempts, delivered_at__isnull=True).update(
        delivered_to=event.delivered_to,
        delivered_at=None if errors else now,
        last_error="; ".join(errors)[:ERROR_LENGTH],
        next_attempt_at=now + pause(event.attempts) if errors else event.next_attempt_at,
    )


def pause(attempts: int) -> timedelta:
    """Return how long to wait after so many failed attempts: 5 s, doubling, at most an hour."""
    return min(FIRST_PAUSE * (1 << min(attempts - 1, 20)), LONGEST_PAUSE)
