"""Short words for engine tests: ask, work until nothing is ready, look."""

from typing import Any

from django.db import connection

from provisioning.actions.change import Ask, submit
from provisioning.actions.request import Wanted, request_environment
from provisioning.models import Environment, Operation
from provisioning.runs import worker
from tests.people import Demo


def wanted(demo: Demo, name: str = "payments-api-dev", tier: str = "dev", **changes: Any) -> Wanted:
    fields = {"service": demo.api, "version": demo.version, "name": name, "tier": tier, "parameters": {}}
    return Wanted(**{**fields, **changes})


def drain(limit: int = 50) -> int:
    """Work until nothing is ready; how many pieces of work there were."""
    done = 0
    while done < limit and worker.work():
        done += 1
    return done


def requested(demo: Demo, **changes: Any) -> Operation:
    operation = request_environment(by=changes.pop("by", demo.mara), wanted=wanted(demo, **changes))
    assert isinstance(operation, Operation), operation
    return operation


def ready(demo: Demo, **changes: Any) -> Environment:
    """An environment that was made by the engine."""
    operation = requested(demo, **changes)
    drain()
    environment = Environment.objects.get(pk=operation.environment_id)
    assert environment.status == "ready", (environment.status, Operation.objects.get(pk=operation.pk).error)
    return environment


def ask(demo: Demo, environment: Environment, kind: str, **changes: Any) -> Operation:
    operation = submit(by=changes.pop("by", demo.mara), ask=Ask(environment=environment, kind=kind, **changes))
    assert isinstance(operation, Operation), operation
    return operation


def lapse(operation: Operation) -> None:
    """As if the worker that holds the operation had died long ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE provisioning_operationlease SET expires_at = now() - interval '1 hour' WHERE operation_id = %s",
            [operation.pk],
        )
