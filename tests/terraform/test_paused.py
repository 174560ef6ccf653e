"""A worker of the Terraform driver stopped past its lease: its run ends, its state is refused, nothing of it stays.

One process is stopped at the guards of each verb: before a run, while the program works, before a secret is written or
removed. That the engine records nothing of such a worker, with its real leases, is in test_runs.py.
"""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from provisioning import vault
from provisioning.drivers.base import Plan, ReleaseSpec, Resource
from provisioning.drivers.registry import driver
from provisioning.drivers.terraform import process, state
from provisioning.drivers.terraform.outputs import Shelf
from provisioning.drivers.terraform.variables import path_of
from provisioning.models import TerraformStateVersion
from tests.processes import wait_until
from tests.sleeper import sleeper
from tests.terraform import stage
from tests.terraform.test_runs import running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.servers, pytest.mark.timeout(600)]
# Every change replaces `slow`, which takes its time, and gives another sensitive output.
MODULE = """
variable "word" { type = string }
variable "release" { type = string }
variable "suspended" { type = bool }
variable "token" {
  type      = string
  sensitive = true
}
resource "terraform_data" "slow" {
  triggers_replace = [var.word, var.release, var.suspended]
  provisioner "local-exec" { command = "sleep 1.3" }
  provisioner "local-exec" {
    when    = destroy
    command = "sleep 1.3"
  }
}
output "login" {
  value     = { word = "${var.word} ${var.release} ${var.suspended}", token = var.token }
  sensitive = true
}
"""
SECRET = {"token": {"secret": "token"}}
THERE = {"": Resource("", {})}
CREATE = ("make", "_look", "put")
CHANGES = [
    ("update", "_apply"),
    ("update", "put"),
    *[(verb, "_look") for verb in ("update", "deploy", "suspend", "resume", "reconcile")],
]
REMOVE = ("_look", "remove")
# A new secret has no version to be conditional on: the engine looks again after a takeover, and removes it.
NEW = {("create", "make"), ("create", "put")}


@pytest.fixture(scope="module")
def sleeping(state_server):
    """The worker that is stopped: it goes on from test to test, as workers do."""
    with sleeper("provisioning.drivers.terraform.driver:TerraformDriver", BERTH_STATE_URL=state_server) as worker:
        yield worker


@pytest.fixture
def hand(backend, demo):
    return stage.hand(demo, stage.small({"main.tf": MODULE}, variables=SECRET), word="one")


def planned(hand, verb):
    """What a step needs; that something is there is known without a look."""
    return driver("terraform").plan(hand.spec, THERE, verb)


def world(hand):
    """What stands, past the driver: state and its history, the versions of secrets."""
    versions = TerraformStateVersion.objects.filter(environment=hand.spec.id)
    held = state.load(hand.environment.pk)
    return held, versions.count(), Shelf(hand.spec, vault.shared()).versions()


@contextmanager
def asleep(sleeping, hand, verb, at, *, undone=None):
    """The worker is stopped there and loses its lease at once; what others did meanwhile is as they left it."""
    plan, undo = undone or planned(hand, verb), undone is not None
    stored = replace(plan, artifact="")
    try:
        assert sleeping.falls_asleep(hand.spec, verb, plan, hand.key, at, undo=undo)
        hand.fence = stage.lease(hand.operation)
        before = TerraformStateVersion.objects.filter(environment=hand.spec.id).count()
        wait_until(lambda: running(hand.spec.id) == [], 2 * process.patience() + 10)
        assert TerraformStateVersion.objects.filter(environment=hand.spec.id).count() == before
        yield stored
        left = world(hand)
        assert sleeping.goes_on() in {"LeaseLost", "DriverUnavailable", "VaultConflict", "done"}
    finally:
        driver("terraform").discard(plan)
    assert running(hand.spec.id) == []
    assert world(hand) == left or (verb, at) in NEW


def carried(hand, verb, stored, *, undo=False):
    steps = driver("terraform").steps(hand.spec, verb, stored)
    for step in reversed(steps) if undo else steps:
        act = step.undo if undo else step.apply
        if act is not None:
            act(hand.key, hand.lines.append)


def destroyed(hand):
    """As the engine removes what it finds left."""
    carried(hand, "destroy", Plan(planned(hand, "destroy").changes))
    assert driver("terraform").observe(hand.spec) == {}


@pytest.mark.parametrize("at", CREATE)
def test_a_creator_that_was_stopped_leaves_nothing_after_the_destruction(sleeping, hand, at):
    with asleep(sleeping, hand, "create", at) as stored:
        carried(hand, "create", stored)
        destroyed(hand)
    if ("create", at) in NEW:
        destroyed(hand)
    assert driver("terraform").observe(hand.spec) == {}


def test_whoever_changes_an_environment_and_is_stopped_changes_nothing_afterwards(sleeping, hand):
    hand.carry("create")
    for n, (verb, at) in enumerate(CHANGES):
        if verb in {"update", "reconcile"}:
            hand.spec = replace(hand.spec, parameters={"word": f"word {n}"})
        if verb == "deploy":
            hand.spec = replace(hand.spec, release=ReleaseSpec("2.0.0", "sha256:" + "2" * 64))
        with asleep(sleeping, hand, verb, at) as stored:
            carried(hand, verb, stored)
        hand.spec = replace(hand.spec, suspended=verb == "suspend")
    assert login(hand) == "word 6 2.0.0 false"


def login(hand):
    """A field of the sensitive output, as it stands in Vault."""
    return vault.shared().kv_get(f"{path_of(hand.spec)}/login").values["word"].reveal()


@pytest.mark.parametrize("at", REMOVE)
def test_a_destroyer_that_was_stopped_leaves_nothing(sleeping, hand, at):
    hand.carry("create")
    with asleep(sleeping, hand, "destroy", at) as stored:
        carried(hand, "destroy", stored)
    assert driver("terraform").observe(hand.spec) == {}


@pytest.mark.parametrize("at", REMOVE)
def test_a_worker_stopped_while_it_undoes_a_creation_leaves_nothing(sleeping, hand, at):
    plan = Plan(hand.carry("create").changes)
    with asleep(sleeping, hand, "create", at, undone=plan):
        carried(hand, "create", plan, undo=True)
    assert driver("terraform").observe(hand.spec) == {}


def test_a_worker_stopped_while_it_undoes_a_change_does_not_undo_it_twice(sleeping, hand):
    hand.carry("create")
    plan = Plan(hand.carry("update", word="two").changes)
    with asleep(sleeping, hand, "update", "_look", undone=plan):
        carried(hand, "update", plan, undo=True)
    assert login(hand).startswith("one ")
