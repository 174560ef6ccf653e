"""The change digest is the same everywhere and changes with every part of what it stands for."""

from dataclasses import replace
from typing import Any

import pytest

from provisioning.digest import ChangeSubject, change_digest
from provisioning.drivers.base import Change, Plan

SUBJECT = ChangeSubject(
    kind="update",
    environment="11111111-1111-4111-8111-111111111111",
    name="payments-api-prod",
    tier="prod",
    template="sha256:" + "a" * 64,
    parameters={"size": "M", "regions": ["north", "süd"], "share": 0.5},
    release="sha256:" + "b" * 64,
    ttl_hours=None,
    rates={"running": "0.05", "suspended": "0.01"},
)
CHANGE = Change("workload", "change", {"size": "S"}, {"size": "M"}, ("port",))
PLAN = Plan((CHANGE, Change("database", "create", None, {"open": True})))
GOLDEN = "sha256:5a989e6f1616e4ac5bc029ada6d2f13d591fd0d2a975a3ff6ce67b2ff3a15c26"


def test_c1_the_golden_digest():
    assert change_digest(SUBJECT, PLAN) == GOLDEN
    assert change_digest(SUBJECT, Plan(tuple(reversed(PLAN.changes)))) == GOLDEN


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("kind", "deploy"),
        ("environment", "22222222-2222-4222-8222-222222222222"),
        ("name", "payments-api-two"),
        ("tier", "stage"),
        ("template", "sha256:" + "c" * 64),
        ("parameters", {"size": "L", "regions": ["north", "süd"], "share": 0.5}),
        ("release", ""),
        ("ttl_hours", 24),
        ("rates", {"running": "0.06", "suspended": "0.01"}),
    ],
)
def test_c1_every_part_of_the_subject_is_signed(part: str, value: Any):
    assert change_digest(replace(SUBJECT, **{part: value}), PLAN) != GOLDEN


@pytest.mark.parametrize(
    "change",
    [
        replace(CHANGE, address="other"),
        replace(CHANGE, action="create"),
        replace(CHANGE, before=None),
        replace(CHANGE, after={"size": "L"}),
        replace(CHANGE, unknown=()),
    ],
)
def test_c1_every_part_of_a_change_is_signed(change: Change):
    assert change_digest(SUBJECT, Plan((change, *PLAN.changes[1:]))) != GOLDEN
