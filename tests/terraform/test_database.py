"""A module that makes a real Postgres database, through the engine: made, changed, drifted, brought back, destroyed."""

import pytest

from provisioning.drivers.registry import driver
from provisioning.models import Operation, SecretBinding
from tests.provisioning.engine import ask, drain, requested
from tests.terraform import stage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.servers, pytest.mark.timeout(900)]

COMMENT = "SELECT shobj_description(oid, 'pg_database'), datconnlimit FROM pg_database WHERE datname = %s"


def _done(operation):
    drain()
    operation = Operation.objects.select_related("environment").get(pk=operation.pk)
    assert operation.status == "succeeded", (operation.status, operation.error, operation.blocked)
    return operation


@pytest.fixture
def made(backend, target, databases, demo):
    """An environment of the database module, made by the engine."""
    stage.version(demo, stage.database(), target=target.slug)
    parameters = {"database": "tfm_orders", "comment": "orders"}
    return _done(requested(demo, name="orders-dev", parameters=parameters)).environment


def test_a_real_database_is_made_changed_brought_back_and_destroyed(made, databases, demo):
    assert databases.execute(COMMENT, ["tfm_orders"]).fetchone() == ("orders", 20)
    assert made.outputs["database"] == "tfm_orders"
    assert set(SecretBinding.objects.values_list("name", flat=True)) == {"url", "owner_password"}
    _done(ask(demo, made, "update", arguments={"parameters": {"comment": "more orders"}}))
    assert databases.execute(COMMENT, ["tfm_orders"]).fetchone() == ("more orders", 20)
    _done(ask(demo, _fresh(made), "suspend"))
    assert databases.execute(COMMENT, ["tfm_orders"]).fetchone() == ("more orders", 0)
    _done(ask(demo, _fresh(made), "resume"))
    assert databases.execute(COMMENT, ["tfm_orders"]).fetchone() == ("more orders", 20)
    _done(ask(demo, _fresh(made), "destroy", confirm=made.name))
    assert databases.execute(COMMENT, ["tfm_orders"]).fetchone() is None
    assert driver("terraform").observe(_spec(made)) == {}


def _fresh(environment):
    return type(environment).objects.get(pk=environment.pk)


def _spec(environment):
    from provisioning.specs import spec_of

    return spec_of(_fresh(environment))


def test_what_a_stranger_changes_is_seen_and_brought_back(backend, target, databases, demo):
    hand = stage.hand(demo, stage.database(), target, database="tfm_drift", comment="agreed")
    hand.carry("create")
    databases.execute("COMMENT ON DATABASE tfm_drift IS 'changed by hand'")
    terraform = driver("terraform")
    assert terraform.observe(hand.spec)["berth_database.main"].state["comment"] == "changed by hand"
    assert [(c.address, c.action) for c in terraform.drift(hand.spec)] == [("berth_database.main", "change")]
    assert hand.changes("reconcile") == {"berth_database.main": "change"}
    hand.carry("reconcile")
    assert databases.execute(COMMENT, ["tfm_drift"]).fetchone()[0] == "agreed"
    assert terraform.drift(hand.spec) == ()


def test_a_database_that_a_stranger_dropped_is_seen_and_made_again(backend, target, databases, demo):
    hand = stage.hand(demo, stage.database(), target, database="tfm_gone", comment="agreed")
    hand.carry("create")
    databases.execute("DROP DATABASE tfm_gone")
    assert "berth_database.main" not in driver("terraform").observe(hand.spec)
    hand.carry("reconcile")
    assert databases.execute(COMMENT, ["tfm_gone"]).fetchone() == ("agreed", 20)
