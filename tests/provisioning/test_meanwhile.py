"""What changed between asking and claiming: lifetimes, gates, targets that refuse before anything was touched."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connection
from django.utils import timezone

from audit.context import context
from delivery.actions import deploy, promote, register_release
from provisioning.actions.control import extend
from provisioning.drivers.base import DriverRejected
from provisioning.models import Environment, Operation
from provisioning.runs import expiry
from tests import noop
from tests.provisioning.engine import ask, drain, ready

pytestmark = pytest.mark.django_db(transaction=True)


def _end_now(environment):
    with context(by="system:test"):
        Environment.objects.filter(pk=environment.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_an_extension_stops_a_scheduled_suspension_that_is_queued(demo):
    environment = ready(demo)
    _end_now(environment)
    assert expiry.sweep()["suspended"] == 1
    assert extend(by=demo.mara, environment=environment, hours=5)
    drain()
    operation = Operation.objects.get(kind="suspend")
    environment.refresh_from_db()
    assert (operation.status, environment.status) == ("failed", "ready")
    assert operation.error == "The lifetime of payments-api-dev was extended meanwhile."


def test_a_driver_that_refuses_before_the_plan_is_locked_leaves_the_environment_as_it_is(demo, monkeypatch):
    environment = ready(demo)
    operation = ask(demo, environment, "suspend")
    drain(1)

    def refuse(*_):
        raise DriverRejected("No such target.")

    monkeypatch.setattr(noop.NoopDriver, "observe", refuse)
    drain()
    operation.refresh_from_db()
    environment.refresh_from_db()
    assert (operation.status, operation.error, environment.status) == ("failed", "No such target.", "ready")


def test_a_promotion_whose_release_left_the_tier_below_does_not_run(demo):
    dev, test = ready(demo), ready(demo, name="payments-api-test", tier="test")
    one, two = (register_release(by=demo.mara, service=demo.api, version=v, artifact={}) for v in ("1", "2"))
    deploy(by=demo.mara, environment=dev, release=one)
    drain()
    operation = promote(by=demo.mara, environment=Environment.objects.get(pk=test.pk), release=one)
    with context(by="system:test"):
        Environment.objects.filter(pk=dev.pk).update(release=two.as_spec())
    drain()
    operation.refresh_from_db()
    assert (operation.status, operation.error) == ("failed", "1 does not run in any tier below test.")
    assert noop.WORLD[str(test.pk)]["thing"]["release"] == ""


@pytest.mark.parametrize("change", ["tier = 'sandbox'", "created_at = now()", "team_id = team_id + 1"])
def test_raw_sql_cannot_move_an_environment_to_other_rules(demo, change):
    environment = ready(demo)
    with (
        pytest.raises(ProgrammingError, match="never change"),
        context(by="system:test"),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE provisioning_environment SET {change} WHERE id = %s", [environment.pk])


def test_the_database_refuses_any_operation_of_a_schedule_on_prod(demo):
    environment = ready(demo)
    with pytest.raises(IntegrityError, match="prod_like_never_changed_by_schedule"), context(by="system:test"):
        Operation.objects.create(
            kind="destroy", environment=environment, team=demo.payments, tier="prod", origin="schedule"
        )
