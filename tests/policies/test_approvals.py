"""Who signs: never the requester, never twice, never without the right; what is said when nobody can."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.context import context
from policies import approvals, quotas, seats
from policies.approvals import Subject, plain
from policies.models import Decision, Membership, Signature
from policies.results import Denied
from provisioning import holdings
from provisioning.actions.sign import approve, reject, subject_of
from provisioning.models import Operation
from provisioning.runs.sweep import sweep
from provisioning.selectors import waiting_for
from tests.hostile import everything, refused_once, together
from tests.people import user
from tests.provisioning.engine import drain, requested
from tests.provisioning.test_tampering import written

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(demo) -> Operation:
    return written(demo, "awaiting_approval")


def sign(who, operation):
    return approve(by=who, operation=operation, digest=operation.change_digest)


def by_ines(demo) -> Operation:
    """The same, asked for by the owner of the team."""
    operation = written(demo, "requested")
    with context(by="system:test"):
        copy = Operation.objects.create(
            **{
                field.attname: getattr(operation, field.attname)
                for field in Operation._meta.concrete_fields
                if field.attname not in {"id", "requester_id", "status"}
            },
            requester=demo.ines,
            status="awaiting_approval",
        )
    return copy


@pytest.mark.parametrize("flags", [{}, {"is_superuser": True}, {"is_platform": True}, {"is_auditor": True}])
def test_the_requester_never_signs_whatever_their_roles_and_flags(demo, flags):
    operation = by_ines(demo)
    with context(by="system:test"):
        type(demo.ines).objects.filter(pk=demo.ines.pk).update(**flags, is_staff=True)
        Membership.objects.create(team=demo.reliability, user=demo.ines, role="owner")
    demo.ines.refresh_from_db()
    denied = refused_once(lambda: sign(demo.ines, operation))
    assert (denied.rule, denied.reason) == ("approval.not_requester", "You asked for this, so you cannot sign it.")
    assert "Ines" not in denied.who
    assert demo.ines not in approvals.eligible(subject_of(operation))


@pytest.mark.parametrize("flags", [{"is_superuser": True}, {"is_platform": True}, {"is_auditor": True}])
def test_a_flag_makes_nobody_a_signer(demo, waiting, flags):
    with context(by="system:test"):
        root = user("root", **flags)
    assert refused_once(lambda: sign(root, waiting)).rule == "approval.approver"


@pytest.mark.parametrize("role", ["viewer", "developer"])
def test_a_member_without_the_right_does_not_sign(demo, waiting, role):
    with context(by="system:test"):
        kim = user("kim")
        Membership.objects.create(team=demo.payments, user=kim, role=role)
    assert refused_once(lambda: sign(kim, waiting)).rule == "approval.approver"


def test_an_approver_of_a_team_that_no_rule_names_does_not_sign(demo, waiting):
    with context(by="system:test"):
        Operation.objects.update(approval=plain(signatures=2, team="payments", owning_team=1).as_json())
    waiting.refresh_from_db()
    denied = refused_once(lambda: sign(demo.tomasz, waiting))
    assert (denied.rule, denied.reason) == ("approval.approver", "Tomasz is no approver of Payments.")


def test_somebody_who_left_does_not_sign(demo, waiting):
    with context(by="system:test"):
        type(demo.jonas).objects.filter(pk=demo.jonas.pk).update(is_active=False)
    demo.jonas.refresh_from_db()
    assert refused_once(lambda: sign(demo.jonas, waiting)).rule == "approval.approver"


def test_nobody_signs_one_plan_twice(demo, waiting):
    assert sign(demo.jonas, waiting)
    denied = refused_once(lambda: sign(demo.jonas, waiting))
    assert (denied.rule, denied.status) == ("approval.once", 409)
    denied = refused_once(lambda: reject(by=demo.jonas, operation=waiting, digest=waiting.change_digest, reason="No"))
    assert denied.rule == "approval.once"
    assert Signature.objects.count() == 1


def test_a_signature_says_what_was_true_when_it_was_given(demo, waiting):
    with context(by="system:test"):
        Operation.objects.update(context={"warnings": ["env.ttl_long"]})
    waiting.refresh_from_db()
    assert sign(demo.jonas, waiting)
    row = Signature.objects.get()
    assert (row.digest, row.requester, row.signer, row.owning) == (waiting.change_digest, demo.mara, demo.jonas, True)
    assert row.context == {"warnings": ["env.ttl_long"]}


def test_the_inbox_holds_what_one_may_sign_and_has_not(demo, waiting):
    names = ("mara", "jonas", "ines", "tomasz", "vera", "ana", "pia", "olaf")
    assert {n for n in names if waiting_for(getattr(demo, n)).exists()} == {"jonas", "ines", "tomasz"}
    assert sign(demo.jonas, waiting)
    assert {n for n in names if waiting_for(getattr(demo, n)).exists()} == {"ines", "tomasz"}


@pytest.mark.parametrize("reason", ["", "   ", "\n"])
def test_a_rejection_without_a_reason_is_a_wrong_field(demo, waiting, reason):
    before = everything()
    answer = reject(by=demo.jonas, operation=waiting, digest=waiting.change_digest, reason=reason)
    assert (answer.rule, answer.status) == ("approval.reason", 422)
    assert everything() == before


@pytest.mark.parametrize("reason", ["a\x00b", "\ud800"])
def test_a_reason_that_cannot_be_kept_is_a_wrong_field_and_never_an_error(demo, waiting, reason):
    before = everything()
    for act in (approve, reject):
        answer = act(by=demo.jonas, operation=waiting, digest=waiting.change_digest, reason=reason)
        assert (answer.rule, answer.status) == ("request.text", 422)
    assert everything() == before


def test_a_team_of_two_hears_that_nobody_can_and_who_may_help(demo):
    with context(by="system:test"):
        Membership.objects.filter(user=demo.jonas).delete()
    need = plain(signatures=2, team="payments", owning_team=1)
    answer = seats.satisfiable(Subject("operation:x", "d", demo.payments, demo.mara, need))
    assert answer == Denied(
        rule="approval.satisfiable",
        field="approval",
        reason="Nobody can complete this: 2 signatures are needed, 1 from Payments, "
        "and 1 people may sign, 1 of them from Payments.",
        fix="Make somebody else approver of Payments. The requester never counts.",
        who="Ines, or a platform engineer",
        status=409,
    )
    assert seats.satisfiable(
        Subject("operation:x", "d", demo.payments, demo.mara, plain(signatures=1, team="payments"))
    )


def test_enough_people_of_the_wrong_team_are_not_enough(demo):
    with context(by="system:test"):
        Membership.objects.filter(team=demo.payments).exclude(user=demo.mara).delete()
        Membership.objects.create(team=demo.reliability, user=demo.olaf, role="approver")
    need = plain(signatures=2, team="payments", owning_team=1, also_from=["reliability"])
    assert not seats.satisfiable(Subject("operation:x", "d", demo.payments, demo.mara, need))


def test_nobody_signed_in_time_ends_it_says_so_and_frees_name_and_quota(demo):
    operation = written(demo, "awaiting_approval", approval_expires_at=timezone.now() - timedelta(seconds=1))
    with context(by="system:test"):
        assert holdings.reserve(operation.environment) == []
    assert sweep()["expired"] == 1
    operation.refresh_from_db()
    assert (operation.status, operation.environment.status) == ("expired", "destroyed")
    assert operation.error == "It was not signed in time. Ask for it again."
    assert quotas.held(demo.payments, "environments") == 0
    before = everything()
    assert sweep()["expired"] == 0
    assert everything() == before


def test_one_second_before_its_time_nothing_ends(demo):
    written(demo, "awaiting_approval", approval_expires_at=timezone.now() + timedelta(seconds=30))
    assert sweep()["expired"] == 0


@pytest.mark.django_db(transaction=True)
def test_two_people_who_sign_at_once_are_two_signatures_and_queue_it_once(demo):
    operation = requested(demo, name="payments-api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    answers = together(lambda: sign(demo.jonas, operation), lambda: sign(demo.tomasz, operation))
    assert [type(answer) for answer in answers] == [Operation, Operation]
    operation.refresh_from_db()
    assert (operation.status, Signature.objects.count()) == ("queued", 2)
    from audit.models import AuditEvent

    assert AuditEvent.objects.filter(event="operation.queued", object=operation.ref).count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_person_who_signs_many_times_at_once_is_one_signature(demo):
    operation = requested(demo, name="payments-api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    decisions = Decision.objects.count()
    answers = together(*[lambda: sign(demo.jonas, operation)] * 4)
    refused = [answer for answer in answers if isinstance(answer, Denied)]
    assert ({answer.rule for answer in refused}, len(refused)) == ({"approval.once"}, 3)
    operation.refresh_from_db()
    assert (operation.status, Signature.objects.count()) == ("awaiting_approval", 1)
    assert Decision.objects.count() - decisions == 3


@pytest.mark.django_db(transaction=True)
def test_one_who_approves_while_another_rejects_ends_in_one_outcome(demo):
    operation = requested(demo, name="payments-api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    assert sign(demo.ines, operation)
    no = {"operation": operation, "digest": operation.change_digest, "reason": "No load evidence"}
    answers = together(lambda: sign(demo.jonas, operation), lambda: reject(by=demo.tomasz, **no))
    operation.refresh_from_db()
    assert sorted(type(answer).__name__ for answer in answers) == ["Denied", "Operation"]
    assert operation.status == ("queued" if isinstance(answers[0], Operation) else "rejected")
