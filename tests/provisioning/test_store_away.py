"""Postgres cuts sessions off while an operation is on its way: it is taken up again, and not failed."""

import pytest
from django.db import OperationalError, connection

from provisioning.models import Operation
from provisioning.runs import worker
from tests import noop
from tests.provisioning.engine import drain, lapse, requested

pytestmark = pytest.mark.django_db(transaction=True)


def cut_off(*_):
    """End our own session, as a restart of Postgres does."""
    noop.HOOKS.clear()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_an_operation_whose_session_was_cut_off_goes_on_and_is_no_defect(demo):
    operation = requested(demo)
    assert worker.work()
    noop.HOOKS["before"] = cut_off
    assert worker.work() is False
    operation.refresh_from_db()
    assert (operation.status, operation.error) == ("running", "")
    lapse(operation)
    assert drain() == 1
    operation.refresh_from_db()
    assert operation.status == "succeeded"


def test_a_plan_whose_session_was_cut_off_is_made_again(demo, monkeypatch):
    operation = requested(demo)
    with monkeypatch.context() as patched:
        patched.setattr(noop.NoopDriver, "observe", lambda *_: cut_off())
        assert worker.work() is False
    assert Operation.objects.get(pk=operation.pk).status == "planning"
    lapse(operation)
    assert drain() == 2
    assert Operation.objects.get(pk=operation.pk).status == "succeeded"


def test_a_heartbeat_outlives_a_postgres_that_is_away(demo, monkeypatch):
    from provisioning import lifecycle
    from provisioning.runs.heartbeat import Heartbeat

    requested(demo)
    lease = worker.take()

    def away(_lease):
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patched:
        patched.setattr(lifecycle, "renew", away)
        assert Heartbeat(lease)._renew() is True
    assert Heartbeat(lease)._renew() is True
    lapse(Operation.objects.get())
    assert Heartbeat(lease)._renew() is False
