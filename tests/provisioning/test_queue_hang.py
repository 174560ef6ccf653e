"""A driver that hangs loses the operation after its step's time limit; a second worker goes on and ends it."""

import threading

import pytest
from django.db import connection

from audit.models import AuditEvent
from provisioning.drivers.base import LeaseLost
from provisioning.models import Operation
from provisioning.runs import worker
from tests import noop
from tests.processes import wait_until
from tests.provisioning.engine import requested

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_driver_that_hangs_loses_the_operation_and_a_second_worker_ends_it(demo, monkeypatch):
    stuck, go_on, refused = threading.Event(), threading.Event(), []
    monkeypatch.setattr(noop, "LIMIT_S", 0.5)

    def hang(change, key):
        if not stuck.is_set():
            stuck.set()
            assert go_on.wait(90)
            with pytest.raises(LeaseLost):
                key.guard()
            refused.append(change.address)
            key.guard()

    noop.HOOKS["before"] = hang
    operation = requested(demo)
    assert worker.work(operation.pk)
    first = threading.Thread(target=lambda: (worker.work(operation.pk), connection.close()))
    first.start()
    assert stuck.wait(30)
    wait_until(lambda: worker.work(operation.pk), 60)
    operation = Operation.objects.get(pk=operation.pk)
    assert operation.status == "succeeded", operation.error
    go_on.set()
    first.join(60)
    assert refused == ["thing"]
    assert noop.CALLS["apply thing"] == 2
    assert Operation.objects.get(pk=operation.pk).status == "succeeded"
    assert AuditEvent.objects.filter(event="operation.claimed", object=operation.ref).count() == 3
    assert AuditEvent.objects.filter(event="operation.succeeded", object=operation.ref).count() == 1
