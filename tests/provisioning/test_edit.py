"""A signer changes what was asked: the plan is made again, signatures are void, and the editor is not alone."""

import pytest

from policies.models import Signature
from provisioning.actions.edit import edit, editable_by
from provisioning.models import Operation
from provisioning.runs import worker
from tests.hostile import refused_once
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
