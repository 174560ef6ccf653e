"""Standing in for an absent signer: recorded as both, never the requester, never twice, never a lost right."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from policies.delegations import Absence, delegate, end
from policies.models import Delegation, Membership, Signature
from policies.results import Denied
from provisioning.runs import worker
from provisioning.selectors import operations_visible_to, waiting_for
from provisioning.signing import waited_for
from tests.hostile import refused_once, sqlstate
from tests.provisioning.signed import RELIABILITY, fresh, planned, ruled, sign

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_moment")]


def away(of, to, *, by=None, team=None, days=3, reason="On leave") -> Delegation | Denied:
    now = timezone.now()
    return delegate(
        by=by or of, absence=Absence(of, to, now - timedelta(hours=1), now + timedelta(days=days), reason, team)
    )


def test_a_delegate_signs_for_the_absent_and_both_are_recorded(demo):
    operation = planned(demo)
    assert not waiting_for(demo.olaf).exists()
    assert away(demo.jonas, demo.olaf)
    assert waiting_for(demo.olaf).exists()
    assert operations_visible_to(demo.olaf).exists()
    assert demo.olaf in waited_for(operation)[0].stand_ins
    assert sign(demo.olaf, operation)
    told = AuditEvent.objects.get(event="operation.signed")
    assert (told.actor, told.data["on_behalf_of"]) == (demo.olaf.audit_ref, demo.jonas.audit_ref)
    row = Signature.objects.get()
    assert (row.signer, row.on_behalf_of, row.owning, row.groups) == (demo.olaf, demo.jonas, True, ["team:payments"])
    assert sign(demo.tomasz, operation).status == "queued"
    assert worker.work()
    assert fresh(operation).status == "succeeded"


def test_a_delegate_who_is_the_requester_cannot_sign(demo):
    operation = planned(demo)
    assert away(demo.jonas, demo.mara)
    assert refused_once(lambda: sign(demo.mara, operation)).rule == "approval.not_requester"


def test_nobody_signs_by_the_right_of_the_requester(demo):
    operation = planned(demo, by=demo.ines)
    assert away(demo.ines, demo.olaf)
    assert refused_once(lambda: sign(demo.olaf, operation)).rule == "approval.approver"


def test_who_has_signed_does_not_sign_again_for_another(demo):
    operation = planned(demo)
    assert away(demo.jonas, demo.tomasz)
    assert sign(demo.tomasz, operation)
    assert refused_once(lambda: sign(demo.tomasz, operation)).rule == "approval.once"


def test_the_absent_does_not_sign_beside_their_delegate(demo):
    operation = planned(demo)
    assert away(demo.jonas, demo.olaf)
    assert sign(demo.olaf, operation)
    denied = refused_once(lambda: sign(demo.jonas, operation))
    assert (denied.rule, denied.reason) == ("approval.once", "Olaf has signed for you already.")
    assert away(demo.jonas, demo.vera)
    assert refused_once(lambda: sign(demo.vera, operation)).rule == "approval.approver"


def test_whose_right_was_used_is_told_so_also_when_that_step_is_complete(demo):
    ruled({"name": "Owning", "owning_least": 1}, {"position": 2, **RELIABILITY})
    operation = planned(demo)
    assert away(demo.jonas, demo.olaf)
    assert sign(demo.olaf, operation)
    assert refused_once(lambda: sign(demo.jonas, operation)).rule == "approval.once"


def test_there_are_no_chains(demo):
    operation = planned(demo)
    assert away(demo.jonas, demo.olaf)
    assert away(demo.olaf, demo.vera)
    assert refused_once(lambda: sign(demo.vera, operation)).rule == "approval.approver"


@pytest.mark.parametrize("loss", ["role", "account", "delegate"])
def test_what_the_absent_lost_the_delegate_does_not_have(demo, loss):
    operation = planned(demo)
    assert away(demo.jonas, demo.olaf)
    assert sign(demo.olaf, operation)
    assert sign(demo.tomasz, operation).status == "queued"
    gone = demo.olaf if loss == "delegate" else demo.jonas
    with context(by="system:test"):
        if loss == "role":
            Membership.objects.filter(user=gone).delete()
        else:
            type(gone).objects.filter(pk=gone.pk).update(is_active=False)
    assert worker.work()
    assert fresh(operation).status == "awaiting_approval"
    assert Signature.objects.get(signer=demo.olaf).voided_at


@pytest.mark.parametrize("case", ["over", "not yet", "ended", "other team"])
def test_a_delegation_holds_only_for_its_time_and_team(demo, case):
    operation, now = planned(demo), timezone.now()
    hours = {"over": (-3, -1), "not yet": (1, 3)}.get(case, (-1, 3))
    with context(by="system:test"):
        made = Delegation.objects.create(
            of=demo.jonas,
            to=demo.olaf,
            team=demo.reliability if case == "other team" else None,
            starts_at=now + timedelta(hours=hours[0]),
            ends_at=now + timedelta(hours=hours[1]),
            reason="x",
            made_by=demo.jonas,
        )
    if case == "ended":
        assert end(by=demo.olaf, delegation=made)
    assert refused_once(lambda: sign(demo.olaf, operation)).rule == "approval.approver"
    assert not waiting_for(demo.olaf).exists()
    assert [each.stand_ins for each in waited_for(operation)] == [()]


def test_who_may_name_a_delegate(demo):
    assert away(demo.jonas, demo.olaf, by=demo.ines).rule == "delegation.own"
    assert away(demo.jonas, demo.olaf, by=demo.mara, team=demo.payments).rule == "role.manage_team"
    assert away(demo.tomasz, demo.olaf, by=demo.ines, team=demo.payments).rule == "delegation.member"
    assert away(demo.jonas, demo.olaf, by=demo.ines, team=demo.payments)
    assert Delegation.objects.get().made_by == demo.ines


def test_a_delegation_is_ended_by_those_two_or_the_owner_of_its_one_team(demo):
    made, ours = away(demo.jonas, demo.olaf), away(demo.jonas, demo.vera, team=demo.payments)
    for person in (demo.mara, demo.ines):
        assert end(by=person, delegation=made).rule == "delegation.own"
    assert refused_once(lambda: end(by=demo.mara, delegation=ours)).rule == "role.manage_team"
    assert Delegation.objects.filter(ended_at=None).count() == 2
    assert end(by=demo.olaf, delegation=made).ended_at
    assert end(by=demo.ines, delegation=ours).ended_at


@pytest.mark.parametrize(
    ("changes", "rule"), [({"days": -1}, "ends"), ({"days": 100}, "longest"), ({"reason": " "}, "reason")]
)
def test_a_delegation_says_how_long_and_why(demo, changes, rule):
    assert away(demo.jonas, demo.olaf, **changes).rule == f"delegation.{rule}"
    assert away(demo.jonas, demo.jonas).rule == "delegation.another"
    demo.olaf.is_active = False
    assert away(demo.jonas, demo.olaf).rule == "delegation.active"
    assert not Delegation.objects.exists()


INSERT = """
INSERT INTO policies_delegation (of_id, to_id, starts_at, ends_at, reason, made_by_id, made_at)
VALUES (%s, %s, now(), now() + %s::interval, %s, %s, now())
"""


def test_raw_sql_delegates_to_nobody_themselves_and_changes_no_delegation(demo):
    jonas, olaf = demo.jonas.pk, demo.olaf.pk
    assert sqlstate(INSERT, [jonas, olaf, "1 day", "x", jonas]) == ""
    assert sqlstate(INSERT, [jonas, jonas, "1 day", "x", jonas]) == "23514"
    assert sqlstate(INSERT, [jonas, olaf, "-1 day", "x", jonas]) == "23514"
    assert sqlstate(INSERT, [jonas, olaf, "1 day", "", jonas]) == "23514"
    assert away(demo.jonas, demo.olaf)
    for change in ("to_id = of_id", "ends_at = ends_at + interval '1 day'", "team_id = 1", "reason = 'y'"):
        assert sqlstate(f"UPDATE policies_delegation SET {change}") == "42501"
    assert sqlstate("DELETE FROM policies_delegation") == "42501"
    assert end(by=demo.jonas, delegation=Delegation.objects.get())
    assert sqlstate("UPDATE policies_delegation SET ended_at = NULL") == "42501"


def test_the_requester_is_never_named_as_a_stand_in(demo):
    operation = planned(demo)
    assert away(demo.jonas, demo.mara)
    assert [each.stand_ins for each in waited_for(operation)] == [()]
