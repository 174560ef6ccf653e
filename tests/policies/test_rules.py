"""Which rules match a matter, why, and how their steps join."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from audit.context import context
from policies.approvals import Matter, Subject, requirement_for, tally
from policies.models import ApprovalRule, RuleStep
from policies.requirements import Clause, Requirement, Step, reason_of
from policies.seats import satisfiable
from tests.people import rule

pytestmark = pytest.mark.django_db
PROD = Matter("create", "prod", "web-service", "payments", "payments-api", Decimal("1.5"))


@pytest.fixture(autouse=True)
def _only_ours(demo):
    with context(by="system:test"):
        ApprovalRule.objects.all().delete()
        yield


@pytest.mark.parametrize(
    ("criteria", "why"),
    [
        ({}, "tier prod"),
        ({"tiers": []}, "everything"),
        ({"tiers": ["dev"]}, None),
        ({"kinds": ["create", "destroy"]}, "operation create, tier prod"),
        ({"kinds": ["destroy"]}, None),
        ({"templates": ["web-service"]}, "tier prod, template web-service"),
        ({"templates": ["other"]}, None),
        ({"teams": ["payments"]}, "tier prod, team payments"),
        ({"teams": ["reliability"]}, None),
        ({"services": ["payments-api"]}, "tier prod, service payments-api"),
        ({"services": ["other"]}, None),
        ({"cost_delta": Decimal("1.5")}, "tier prod, 1.5 more an hour (from 1.5)"),
        ({"cost_delta": Decimal("1.5001")}, None),
        ({"findings": ["env.ttl_long"]}, "tier prod, finding env.ttl_long"),
        ({"findings": ["other"]}, None),
        ({"findings": ["any:warn"]}, "tier prod, finding env.ttl_long"),
        ({"findings": ["any:waived"]}, "tier prod, finding env.region"),
        ({"outside_window": True}, None),
    ],
)
def test_c2_a_rule_matches_when_each_of_its_criteria_does(criteria, why):
    found = {"env.ttl_long": "warn", "env.region": "waived"}
    matter = Matter(**{**vars(PROD), "findings": found})
    made = rule("one", steps=[{}], **criteria)
    assert reason_of(made, matter) == why
    assert requirement_for(matter).why == ({} if why is None else {"one": why})


def test_a_rule_for_outside_the_window_matches_only_there():
    made = rule("late", steps=[{}], outside_window=True)
    assert reason_of(made, Matter("create", "prod", in_window=False)) == "tier prod, outside the window"


def test_findings_that_are_not_there_match_nothing():
    made = rule("any", steps=[{}], findings=["any:warn", "any:waived"])
    assert reason_of(made, PROD) is None
    assert reason_of(made, Matter("create", "prod", findings={"x": "block"})) is None


def test_rules_join_by_position_and_name_and_each_keeps_its_own_count():
    rule("a", steps=[{"quorum": 2, "owning_least": 1, "teams": ["reliability"]}], lifetime_hours=72, remind_hours=[24])
    rule("b", steps=[{"quorum": 3, "teams": ["security"], "groups": ["security"]}], lifetime_hours=5, remind_hours=[4])
    rule("off", steps=[{"quorum": 9}], active=False)
    owning = "team:payments"
    first = Clause("a", 2, ("team:payments", "team:reliability"), {owning: 1})
    second = Clause("b", 3, ("team:payments", "team:security"), {"team:security": 1})
    need = requirement_for(PROD)
    assert need == Requirement(
        rules=("a", "b"),
        why={"a": "tier prod", "b": "tier prod"},
        steps=(Step(1, "Approval", (first, second)),),
        owning=owning,
        lifetime_hours=5,
        remind_hours=(4, 24),
    )
    assert (need.signatures, need.owning_team, need.also_from) == (3, 1, ("reliability", "security"))
    assert Requirement.from_json(need.as_json()) == need


def test_steps_of_other_names_stand_beside_and_later_positions_wait():
    rule("a", steps=[{"name": "Owner"}, {"position": 2, "name": "Release"}])
    rule("b", steps=[{"name": "Security", "owning": False, "teams": ["security"]}])
    need = requirement_for(PROD)
    assert [(s.position, s.name) for s in need.steps] == [(1, "Owner"), (1, "Security"), (2, "Release")]
    assert need.signatures == 3


def test_expiry_is_stricter_than_escalation_and_the_names_of_the_latter_are_kept():
    rule("a", steps=[{}], on_expiry="escalate", escalate_teams=["reliability"], escalate_people=["pia"])
    need = requirement_for(PROD)
    assert (need.on_expiry, need.escalate_to) == ("escalate", ("person:pia", "team:reliability"))
    assert need.widened().steps[0].who == ("person:pia", "team:payments", "team:reliability")
    rule("b", steps=[{}])
    assert (requirement_for(PROD).on_expiry, requirement_for(PROD).escalate_to) == ("reject", ())


def test_only_what_every_rule_lets_change_may_be_changed():
    rule("a", steps=[{"editable": ["size", "greeting"]}])
    rule("b", steps=[{"editable": ["size"]}])
    assert requirement_for(PROD).steps[0].editable == ("size",)


def test_a_role_is_that_of_the_owning_team_unless_it_names_another():
    rule("a", steps=[{"owning": False, "roles": ["owner", "approver@reliability"]}])
    assert requirement_for(PROD).steps[0].who == ("role:approver@reliability", "role:owner@payments")


def test_one_person_does_not_fill_two_seats(demo):
    rule("a", steps=[{"name": "One", "quorum": 2}, {"name": "Two", "owning": False, "roles": ["owner"]}])
    subject = Subject("x:1", "d", demo.payments, demo.mara, requirement_for(PROD))
    assert not satisfiable(subject)
    rule("b", steps=[{"name": "One", "quorum": 2}, {"name": "Two", "owning": False, "teams": ["reliability"]}])
    ApprovalRule.objects.filter(slug="a").delete()
    assert satisfiable(Subject("x:1", "d", demo.payments, demo.mara, requirement_for(PROD)))


def test_without_a_rule_nothing_is_needed(demo):
    need = requirement_for(PROD)
    assert (need, need.signatures) == (Requirement(), 0)
    assert tally(Subject("x:1", "d", demo.payments, demo.mara, need)).complete


WRONG_STEPS = [
    {"quorum": 0},
    {"position": 0},
    {"quorum": 1, "owning_least": 2},
    {"owning": False},
    {"owning": False, "teams": ["x"], "owning_least": 1},
    {"groups": ["security"]},
]


@pytest.mark.parametrize("step", WRONG_STEPS)
def test_the_database_refuses_a_step_that_nobody_could_sign(step):
    made = rule("one", steps=[])
    with pytest.raises(IntegrityError), transaction.atomic():
        RuleStep.objects.create(rule=made, **step)


@pytest.mark.parametrize("fields", [{"lifetime_hours": 0}, {"on_expiry": "escalate"}, {"on_expiry": "approve"}])
def test_the_database_refuses_a_rule_without_an_end(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        rule("one", steps=[], **fields)
