"""Planning is pure, repeatable, and says nothing secret."""

import dataclasses

import pytest

from provisioning.drivers.base import Change, DriverRejected, EnvironmentSpec, ReleaseSpec, Resource
from provisioning.drivers.sandbox.names import Names
from provisioning.drivers.sandbox.plan import difference, wanted

ID = "01234567-89ab-4cde-8f01-23456789abcd"
SPEC = EnvironmentSpec(
    id=ID,
    name="shop-dev",
    tier="dev",
    team="payments",
    service="shop",
    template="sha256:0",
    parameters={"greeting": "hi"},
    resources={"database": True, "cache": True, "workload": {"image": "web-service"}},
    release=ReleaseSpec("1.0.0", "sha256:aa", {"url": "x"}),
    secrets=(),
)
SECRETS = ("cache", "database")


def observed_as(states):
    return {address: Resource(address, state) for address, state in states.items()}


def test_f1_a_new_environment_is_planned_by_address_with_what_is_unknown():
    plan = difference({}, wanted(SPEC, "create", SECRETS))
    assert [(change.address, change.action) for change in plan.changes] == [
        ("postgres.database", "create"),
        ("postgres.role", "create"),
        ("router.route", "create"),
        ("valkey.user", "create"),
        ("vault.approle", "create"),
        ("vault.path", "create"),
        ("vault.policy", "create"),
        ("workload.process", "create"),
    ]
    assert plan.changes[-1].unknown == ("port",)
    assert plan.changes[0].after == {"name": "env_shop_dev_01234567", "state": "open"}


def test_f1_the_same_plan_comes_out_twice():
    assert difference({}, wanted(SPEC, "create", SECRETS)) == difference({}, wanted(SPEC, "create", SECRETS))


def test_f1_a_deploy_changes_only_the_process():
    running = observed_as(wanted(SPEC, "create", SECRETS))
    newer = dataclasses.replace(SPEC, release=ReleaseSpec("2.0.0", "sha256:bb"))
    changes = difference(running, wanted(newer, "deploy", SECRETS)).changes
    assert [change.address for change in changes] == ["workload.process"]
    assert (changes[0].before["release"]["version"], changes[0].after["release"]["version"]) == ("1.0.0", "2.0.0")


def test_f1_suspend_and_resume_are_each_others_reverse():
    running = observed_as(wanted(SPEC, "create", SECRETS))
    asleep = observed_as(wanted(SPEC, "suspend", SECRETS))
    there = difference(running, wanted(SPEC, "suspend", SECRETS)).changes
    back = difference(asleep, wanted(dataclasses.replace(SPEC, suspended=True), "resume", SECRETS)).changes
    assert [Change(c.address, c.action, c.after, c.before) for c in there] == list(back)
    assert len(there) == 4


def test_f1_destroy_plans_the_end_of_what_is_there_and_of_nothing_else():
    only = observed_as({"valkey.keys": {"prefix": "env:x:"}})
    assert difference(only, wanted(SPEC, "destroy", SECRETS)).changes == (
        Change("valkey.keys", "destroy", {"prefix": "env:x:"}, None),
    )


def test_an_unknown_kind_is_refused():
    with pytest.raises(DriverRejected, match="does not know the operation 'explode'"):
        wanted(SPEC, "explode", SECRETS)


@pytest.mark.parametrize("label", ["a", "shop-dev", "x" * 63])
def test_names_fit_into_a_postgres_identifier(label):
    names = Names(ID, label)
    assert len(names.database) <= 63
    assert names.database.endswith("_01234567")
    assert names.short == f"env-{label}-01234567"
