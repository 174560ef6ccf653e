"""Events that no single row change tells, and messages for those above. Row changes record themselves."""

import json
from collections.abc import Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from audit.models import OutboxEvent


def record(event: str, *, object: str, scope: str = "", data: Mapping[str, Any] | None = None) -> None:
    """Write one event, as `operation.approved`, about `object` (`kind:id`) into the history.

    Actor, request and reason come from the open `audit.context`; without one the database refuses.
    """
    payload = json.dumps(dict(data or {}), cls=DjangoJSONEncoder)
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.record_event(%s, %s, %s, %s::jsonb)", [event, object, scope, payload])


def emit(topic: str, *, payload: Mapping[str, Any] | None = None, object: str = "") -> OutboxEvent:
    """Leave a message that is delivered at least once if, and only if, this transaction commits."""
    if not connection.in_atomic_block:
        raise RuntimeError(f"{topic}: a message is emitted inside the transaction of what it announces")
    return OutboxEvent.objects.create(topic=topic, object=object, payload=dict(payload or {}))
