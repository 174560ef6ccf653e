"""Steps in order and side by side, rights that are lost, who is waited for, and what time does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.context import context
from audit.models import OutboxEvent
from policies import approvals
from policies.models import ApprovalRule, Membership, Signature
from provisioning.actions.sign import subject_of
from provisioning.models import Operation
from provisioning.runs import asking, worker
from provisioning.selectors import waiting_for
from provisioning.signing import waited_for
from tests.hostile import refused_once
from tests.people import user
from tests.provisioning.engine import drain
from tests.provisioning.signed import RELIABILITY, fresh, planned, ruled, sign

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_moment")]


def test_a_later_step_opens_when_the_earlier_one_is_complete(demo):
    ruled({"name": "Owning", "owning_least": 1}, {"position": 2, **RELIABILITY})
    operation = planned(demo)
    assert refused_once(lambda: sign(demo.tomasz, operation)).rule == "approval.step_open"
    assert not waiting_for(demo.tomasz).exists()
    assert sign(demo.jonas, operation)
    assert waiting_for(demo.tomasz).exists()
    late = refused_once(lambda: sign(demo.ines, operation))
    assert (late.rule, late.status) == ("approval.step_done", 409)
    assert late.reason == "Owning has all its signatures; what is missing is not yours to give."
    assert sign(demo.tomasz, operation).status == "queued"
    assert [s.step for s in Signature.objects.all()] == ["1:Owning", "2:Reliability"]
    assert drain() == 1


def test_steps_of_one_position_are_signed_in_any_order(demo):
    ruled({"name": "Owning", "owning_least": 1}, RELIABILITY)
    operation = planned(demo)
    assert {w.step: [p.username for p in w.people] for w in waited_for(operation)} == {
        "Owning": ["ines", "jonas"],
        "Reliability": ["tomasz"],
    }
    assert sign(demo.tomasz, operation).status == "awaiting_approval"
    assert sign(demo.ines, operation).status == "queued"


def test_one_person_does_not_sign_two_steps(demo):
    ruled({"name": "One", "owning_least": 1}, {"name": "Two"})
    operation = planned(demo)
    assert sign(demo.jonas, operation, step="1:Two")
    assert refused_once(lambda: sign(demo.jonas, operation)).rule == "approval.once"


def test_one_of_each_required_group_must_sign(demo):
    with context(by="system:test"):
        nadia = user("nadia")
        Membership.objects.create(team=demo.reliability, user=nadia, role="approver")
    ruled({"quorum": 2, "owning_least": 1, "teams": ["reliability"], "groups": ["reliability"]})
    operation = planned(demo)
    assert sign(demo.jonas, operation)
    assert sign(demo.ines, operation).status == "awaiting_approval"
    assert drain() == 0
    assert sign(demo.tomasz, operation).status == "queued"


def test_a_role_holder_signs_without_being_an_approver(demo):
    ruled({"quorum": 2, "owning_least": 1}, {"name": "Viewer", "owning": False, "roles": ["viewer"]})
    operation = planned(demo)
    assert sign(demo.vera, operation)
    assert Signature.objects.get().groups == ["role:viewer@payments"]


@pytest.mark.parametrize("loss", ["role", "account"])
def test_a_signature_of_somebody_who_lost_the_right_does_not_count_at_the_claim(demo, loss):
    operation = planned(demo)
    for signer in (demo.jonas, demo.tomasz):
        assert sign(signer, operation)
    with context(by="system:test"):
        if loss == "role":
            Membership.objects.filter(user=demo.tomasz).delete()
        else:
            type(demo.tomasz).objects.filter(pk=demo.tomasz.pk).update(is_active=False)
    assert worker.work()
    operation = fresh(operation)
    assert (operation.status, operation.plan_locked_at) == ("awaiting_approval", None)
    assert operation.blocked == "The signature of Tomasz does not count any more."
    assert Signature.objects.get(signer=demo.tomasz).void_reason == "Tomasz may not sign Approval any more."
    assert sign(demo.ines, operation).status == "queued"


def test_a_rule_that_asks_more_at_the_claim_sends_it_back_and_keeps_what_counts(demo):
    operation = planned(demo)
    for signer in (demo.jonas, demo.tomasz):
        assert sign(signer, operation)
    with context(by="system:test"):
        ApprovalRule.objects.get().steps.update(quorum=3)
    assert worker.work()
    operation = fresh(operation)
    assert (operation.status, operation.signatures_needed) == ("awaiting_approval", 3)
    assert approvals.tally(subject_of(operation)).signed == 2
    assert sign(demo.ines, operation).status == "queued"
    assert worker.work()
    assert (fresh(operation).status, fresh(operation).blocked, fresh(operation).error) == ("succeeded", "", "")


def test_the_rules_that_matched_and_why_are_kept_with_the_operation(demo):
    operation = planned(demo)
    assert operation.approval["why"] == {"prod": "operation create, tier prod"}


def late(operation, **fields) -> None:
    with context(by="system:test"):
        Operation.objects.filter(pk=operation.pk).update(**fields)


def test_reminders_are_sent_at_the_stated_ages_and_not_again(demo):
    ruled({"quorum": 2, "owning_least": 1}, remind_hours=[1, 2])
    operation, now = planned(demo), timezone.now()
    assert asking.sweep(now + timedelta(minutes=59))["reminded"] == 0
    assert [asking.sweep(now + timedelta(minutes=61))["reminded"] for _ in range(2)] == [1, 0]
    assert asking.sweep(now + timedelta(minutes=121))["reminded"] == 1
    assert asking.sweep(now + timedelta(minutes=300))["reminded"] == 0
    told = list(OutboxEvent.objects.filter(topic="approval.reminder").order_by("id"))
    assert [event.payload["number"] for event in told] == [1, 2]
    waits = told[0].payload["waits_for"]
    assert [(w["step"], w["people"]) for w in waits] == [("Approval", ["ines", "jonas"])]
    assert told[0].object == operation.ref


def test_escalation_asks_more_people_once_and_then_it_expires(demo):
    ruled({"quorum": 2, "owning_least": 1}, on_expiry="escalate", escalate_people=["olaf"], lifetime_hours=1)
    operation, now = planned(demo), timezone.now()
    assert refused_once(lambda: sign(demo.olaf, operation)).rule == "approval.approver"
    late(operation, approval_expires_at=now)
    done = asking.sweep()
    assert (done["escalated"], done["expired"]) == (1, 0)
    operation = fresh(operation)
    assert waiting_for(demo.olaf).exists()
    assert OutboxEvent.objects.get(topic="approval.escalated").payload["to"] == ["person:olaf"]
    assert sign(demo.olaf, operation)
    late(operation, approval_expires_at=now)
    assert asking.sweep()["expired"] == 1
    assert fresh(operation).status == "expired"


def test_what_was_escalated_runs_with_the_signatures_of_those_who_were_asked_then(demo):
    ruled({"quorum": 2, "owning_least": 1}, on_expiry="escalate", escalate_people=["olaf"])
    operation = planned(demo)
    late(operation, approval_expires_at=timezone.now())
    asking.sweep()
    for signer in (demo.olaf, demo.jonas):
        assert sign(signer, fresh(operation))
    assert worker.work()
    assert fresh(operation).status == "succeeded"


def test_who_is_waited_for_since_when_is_said_of_the_step_that_is_open(demo):
    ruled({"name": "Owning", "owning_least": 1}, {"position": 2, **RELIABILITY})
    operation = planned(demo)
    (first,) = waited_for(operation)
    assert (first.step, first.since, first.missing) == ("Owning", operation.awaiting_since, 1)
    assert sign(demo.jonas, operation)
    (second,) = waited_for(fresh(operation))
    assert [p.username for p in second.people] == ["tomasz"]
    assert second.since == Signature.objects.get().at
    assert sign(demo.tomasz, operation)
    assert waited_for(fresh(operation)) == []
