"""The driver by hand: what the binary makes, what is stored of it, and what is left behind."""

import pytest

from provisioning.drivers.registry import driver
from provisioning.models import TerraformRun, TerraformState, TerraformStateVersion
from tests.terraform import stage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.servers, pytest.mark.timeout(900)]


def test_a_module_is_created_changed_and_destroyed_through_the_backend(backend, demo):
    hand = stage.hand(demo, stage.small(), word="one")
    plan = hand.carry("create")
    assert [(c.address, c.action) for c in plan.changes] == [
        ("output.word", "create"),
        ("terraform_data.first", "create"),
        ("terraform_data.second", "create"),
    ]
    found = driver("terraform").observe(hand.spec)
    assert found["terraform_data.first"].state["input"] == "one"
    assert hand.changes("update") == {}
    plan = hand.carry("update", word="two")
    assert {c.action for c in plan.changes} == {"change"}
    assert driver("terraform").outputs(hand.spec)["word"] == "two"
    hand.carry("destroy")
    assert driver("terraform").observe(hand.spec) == {}
    assert [v.serial for v in TerraformStateVersion.objects.all()] == [3, 2, 1]


def test_nothing_is_left_of_a_run(backend, demo):
    hand = stage.hand(demo, stage.small())
    hand.carry("create")
    assert stage.left() == []
    assert not TerraformRun.objects.exists()
    assert TerraformState.objects.get(pk=hand.spec.id).lock_id == ""
