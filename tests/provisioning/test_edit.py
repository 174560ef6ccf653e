"""A signer changes what was asked: the plan is made again, signatures are void, and the editor is not alone."""

from decimal import Decimal

import pytest

from audit.context import context
from policies.approvals import Requirement
from policies.engine import Finding, Ruling
from policies.models import Quota, QuotaReservation, Signature, Team
from policies.quotas import Usage
from provisioning import holdings
from provisioning.actions import edit as edit_action
from provisioning.actions.edit import edit, editable_by
from provisioning.judging import Judgement
from provisioning.models import Operation
from provisioning.runs import worker
from tests.hostile import refused_once
from tests.people import SCHEMA, make_version
from tests.provisioning.engine import drain
from tests.provisioning.signed import fresh, planned, ruled, sign

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_moment")]
STEP = {"quorum": 2, "owning_least": 1, "teams": ["reliability"], "editable": ["size"]}


def edits(who, operation, **parameters):
    digest = operation.change_digest
    return edit(by=who, operation=operation, digest=digest, parameters=parameters, reason="M is enough")


@pytest.fixture
def large(demo) -> Operation:
    ruled(STEP)
    return planned(demo, parameters={"size": "L"})


def test_an_approver_lowers_the_size_and_earlier_signatures_are_void(demo, large):
    assert sign(demo.tomasz, large)
    assert editable_by(demo.jonas, large) == ("size",)
    answer = edits(demo.jonas, large, size="M")
    assert (answer.status, answer.requester, answer.edited_by) == ("requested", demo.mara, [demo.jonas.pk])
    assert Signature.objects.get().void_reason == "Jonas changed size from L to M."
    drain()
    again = fresh(large)
    assert again.status == "awaiting_approval"
    assert again.change_digest != large.change_digest
    assert again.plan["parameters"]["size"] == again.environment.parameters["size"] == "M"


def test_the_editor_signs_the_new_plan_but_not_alone(demo, large):
    assert edits(demo.jonas, large, size="M")
    drain()
    assert sign(demo.jonas, fresh(large)).status == "awaiting_approval"
    assert sign(demo.tomasz, fresh(large)).status == "queued"
    assert worker.work()
    assert fresh(large).status == "succeeded"


def test_when_everybody_who_signed_edited_one_more_signs(demo, large):
    assert edits(demo.jonas, large, size="M")
    drain()
    assert edits(demo.ines, fresh(large), size="S")
    drain()
    assert sign(demo.jonas, fresh(large))
    assert sign(demo.ines, fresh(large)).status == "awaiting_approval"
    assert drain() == 0
    assert sign(demo.tomasz, fresh(large)).status == "queued"


@pytest.mark.parametrize(
    ("who", "parameters", "rule"),
    [
        ("mara", {"size": "M"}, "approval.not_requester"),
        ("vera", {"size": "M"}, "approval.approver"),
        ("jonas", {"greeting": "hi"}, "approval.editable"),
        ("jonas", {"size": "L"}, "approval.edit"),
        ("jonas", {"size": "XXL"}, "enum"),
    ],
)
def test_what_the_step_does_not_name_stays_as_it_was_asked(demo, large, who, parameters, rule):
    denied = refused_once(lambda: edits(getattr(demo, who), large, **parameters))
    assert rule in denied.rule
    assert (fresh(large).status, fresh(large).arguments) == ("awaiting_approval", large.arguments)


def test_without_a_named_parameter_nothing_can_be_edited(demo):
    ruled({**STEP, "editable": []})
    operation = planned(demo)
    assert editable_by(demo.jonas, operation) == ()
    assert refused_once(lambda: edits(demo.jonas, operation, size="L")).rule == "approval.editable"


def test_what_is_edited_is_held_as_edited(demo, large):
    assert edits(demo.jonas, large, size="M")
    assert holdings.differences() == []


def test_an_edit_beyond_the_quota_is_refused_and_changes_nothing(demo, large, monkeypatch):
    full = Usage(Quota.objects.get(), Decimal(20), Decimal(1))
    monkeypatch.setattr(holdings, "reserve", lambda environment: [full])
    before = fresh(large)
    assert refused_once(lambda: edits(demo.jonas, large, size="M")).rule == "quota.environments"
    assert (fresh(large).status, fresh(large).arguments) == (before.status, before.arguments)


def held(operation) -> dict[str, Decimal]:
    rows = QuotaReservation.objects.filter(subject=operation.environment.ref, released_at=None)
    return {row.metric: row.amount for row in rows}


def test_what_an_edit_saves_is_given_back_before_the_plan_is_made(demo):
    ruled(STEP)
    sizes = {"S": 1, "M": 2, "L": 4}
    properties = {**SCHEMA["properties"], "size": {**SCHEMA["properties"]["size"], "quota": {"cpu": sizes}}}
    schema = {**SCHEMA, "properties": properties}
    with context(by="system:test"):
        version = make_version(number="1.1.0", digest="sha256:" + "d" * 64, parameters=schema)
    operation = planned(demo, version=version, parameters={"size": "L"})
    assert held(operation)["cpu"] == 4
    assert edits(demo.jonas, operation, size="M")
    assert held(operation)["cpu"] == 2
    assert holdings.differences() == []


def test_an_edit_that_policy_forbids_is_refused_and_leaves_plan_and_signatures(demo, large, monkeypatch):
    assert sign(demo.tomasz, large)
    finding = Finding("test.size", "block", "environment.parameters.size", "M", "M is out.", "Keep L.", "Pia")
    ruling = Ruling(False, (finding,), (), "sha256:b", "sha256:i", 1)
    monkeypatch.setattr(edit_action, "judge_draft", lambda draft, point: Judgement(ruling, Requirement()))
    denied = refused_once(lambda: edits(demo.jonas, large, size="M"))
    assert (denied.rule, denied.field) == ("test.size", "environment.parameters.size")
    again = fresh(large)
    assert (again.status, again.arguments, again.change_digest) == (
        "awaiting_approval",
        large.arguments,
        large.change_digest,
    )
    assert (again.edited_by, Signature.objects.get().voided_at) == ([], None)


def test_an_edit_whose_plan_policy_forbids_ends_denied_and_gives_everything_back(demo, large):
    assert edits(demo.jonas, large, size="M")
    with context(by="system:test"):
        Team.objects.filter(pk=demo.payments.pk).update(cost_centre="")
    drain()
    assert fresh(large).status == "denied"
    assert (fresh(large).environment.status, held(large)) == ("destroyed", {})
