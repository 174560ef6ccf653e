"""Going ahead without signatures: who may, how long, what still stops it, and the review that must follow."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent, OutboxEvent
from policies.models import BrokenGlass, CustomRole, Membership, Team, User
from policies.models.signing import START_WITHIN
from provisioning import inbox
from provisioning.actions.break_glass import break_glass, may_review, review
from provisioning.actions.leaving import leave
from provisioning.models import Environment, Operation
from provisioning.runs import asking, worker
from tests.hostile import everything, refused_once, sqlstate
from tests.policies.test_access_rights import given
from tests.provisioning.engine import drain
from tests.provisioning.signed import fresh, planned, sign
from tests.second_factors import enrolled, proved

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_moment")]


@pytest.fixture(autouse=True)
def _everybody_has_a_factor(demo):
    for name in ("mara", "jonas", "ines", "tomasz", "vera", "ana", "pia", "olaf"):
        enrolled(getattr(demo, name))


def breaks(who, operation, reason="Prod is down"):
    with proved(who):
        return break_glass(by=who, operation=operation, digest=operation.change_digest, reason=reason)


def test_it_needs_a_second_factor_entered_now(demo):
    operation, long_ago = planned(demo), timezone.now() - timedelta(hours=1)
    wanted = {"by": demo.ines, "operation": operation, "digest": operation.change_digest, "reason": "Down"}
    assert refused_once(lambda: break_glass(**wanted)).rule == "factor.break_glass"
    with proved(demo.ines, at=long_ago):
        assert refused_once(lambda: break_glass(**wanted)).rule == "factor.break_glass"
    assert (fresh(operation).status, BrokenGlass.objects.count()) == ("awaiting_approval", 0)


def test_an_owner_breaks_the_glass_it_runs_at_once_and_owners_are_paged(demo):
    operation = planned(demo)
    assert sign(demo.jonas, operation)
    assert breaks(demo.ines, operation).status == "queued"
    glass = BrokenGlass.objects.get()
    assert (glass.breaker, glass.requester, glass.missing) == (
        demo.ines,
        demo.mara,
        [{"step": "Approval", "missing": 1}],
    )
    assert glass.start_by - glass.at == START_WITHIN
    page = OutboxEvent.objects.get(topic="approval.glass_broken")
    assert (page.payload["to"], page.payload["by"], page.payload["urgent"]) == (["ines"], "ines", True)
    assert AuditEvent.objects.filter(event="operation.glass_broken", object=operation.ref).count() == 1
    assert worker.work()
    assert fresh(operation).status == "succeeded"


def test_it_goes_ahead_though_one_who_signed_leaves_meanwhile(demo):
    operation = planned(demo)
    assert sign(demo.jonas, operation)
    assert breaks(demo.ines, operation).status == "queued"
    assert leave(by=demo.pia, person=demo.jonas, reason="New job.")["signatures"] == 1
    assert fresh(operation).status == "queued"


def paged() -> list[str]:
    return OutboxEvent.objects.get(topic="approval.glass_broken").payload["to"]


def test_whoever_manages_the_team_is_paged_by_whatever_right_and_nobody_to_whom_it_is_denied(demo):
    operation = planned(demo)
    with context(by="system:test"):
        keeper = CustomRole.objects.create(slug="keeper", name="Keeper", permissions=["manage_team"])
        Membership.objects.create(team=demo.payments, user=demo.vera, custom=keeper)
    given(demo, demo.tomasz, permission="manage_team", team=demo.payments)
    given(demo, demo.olaf, permission="manage_team", team=demo.reliability)
    given(demo, demo.ines, permission="manage_team", effect="deny", team=demo.payments)
    assert breaks(demo.ines, operation).status == "queued"
    assert paged() == ["tomasz", "vera"]


def test_where_a_team_has_no_owner_platform_engineers_are_paged(demo):
    operation = planned(demo)
    given(demo, demo.jonas, permission="break_glass", service=demo.api)
    with context(by="system:test"):
        Membership.objects.filter(team=demo.payments, role="owner").delete()
    assert breaks(demo.jonas, operation).status == "queued"
    assert paged() == ["pia"]


def test_a_denial_for_the_one_service_keeps_the_glass_whole(demo):
    operation = planned(demo)
    given(demo, demo.ines, permission="break_glass", effect="deny", service=demo.api)
    assert refused_once(lambda: breaks(demo.ines, operation)).rule == "deny.break_glass"
    assert (fresh(operation).status, BrokenGlass.objects.count()) == ("awaiting_approval", 0)
    assert not OutboxEvent.objects.filter(topic="approval.glass_broken").exists()


@pytest.mark.parametrize("who", ["mara", "jonas", "vera", "tomasz", "ana", "pia", "olaf"])
def test_only_who_holds_the_right_breaks_the_glass(demo, who):
    operation = planned(demo)
    assert refused_once(lambda: breaks(getattr(demo, who), operation)).rule == "role.break_glass"
    assert (fresh(operation).status, BrokenGlass.objects.count()) == ("awaiting_approval", 0)


def test_it_needs_a_reason_the_present_plan_and_one_that_waits(demo):
    operation = planned(demo)
    assert refused_once(lambda: breaks(demo.ines, operation, " ")).rule == "glass.reason"
    wrong = {"operation": operation, "digest": "sha256:0", "reason": "x"}
    with proved(demo.ines):
        assert refused_once(lambda: break_glass(by=demo.ines, **wrong)).rule == "approval.digest"
    assert breaks(demo.ines, operation)
    assert refused_once(lambda: breaks(demo.ines, operation)).rule == "glass.waiting"


def test_policy_blocks_stop_an_emergency_before_it_begins(demo):
    operation = planned(demo)
    with context(by="system:test"):
        Team.objects.filter(pk=demo.payments.pk).update(cost_centre="")
    assert refused_once(lambda: breaks(demo.ines, Operation.objects.get(pk=operation.pk))).status == 422
    assert not BrokenGlass.objects.exists()


def test_policy_blocks_stop_an_emergency_at_the_claim(demo):
    operation = planned(demo)
    assert breaks(demo.ines, operation)
    with context(by="system:test"):
        Team.objects.filter(pk=demo.payments.pk).update(cost_centre="")
    assert worker.work()
    assert fresh(operation).status == "failed"


def test_a_plan_that_changed_does_not_begin_by_an_emergency_for_another(demo):
    operation = planned(demo)
    assert breaks(demo.ines, operation)
    with context(by="system:test"):
        Environment.objects.update(rate_running="9.99")
    drain()
    assert fresh(operation).status == "awaiting_approval"
    assert fresh(operation).blocked == "The plan changed: cost."


def test_what_did_not_begin_in_time_waits_for_signatures_again(demo):
    operation = planned(demo)
    assert breaks(demo.ines, operation)
    now = timezone.now()
    assert asking.sweep(now + timedelta(minutes=14))["lapsed"] == 0
    assert asking.sweep(now + timedelta(minutes=16))["lapsed"] == 1
    waiting = fresh(operation)
    assert (waiting.status, waiting.asked) == ("awaiting_approval", ["team:payments", "team:reliability"])
    assert waiting.blocked.startswith("It was not begun in time after the glass was broken")


def test_raw_sql_finds_no_way_around_the_claim_when_the_time_is_over(demo):
    operation = planned(demo)
    with context(by="system:test"):
        now = timezone.now()
        BrokenGlass.objects.create(
            subject=operation.ref,
            digest=operation.change_digest,
            team=demo.payments,
            requester=demo.mara,
            breaker=demo.ines,
            reason="x",
            at=now - timedelta(hours=1),
            start_by=now - timedelta(minutes=50),
        )
        Operation.objects.filter(pk=operation.pk).update(status="queued")
    assert drain() == 0


def test_the_review_stays_open_until_a_second_person_writes_it(demo):
    operation = planned(demo)
    assert breaks(demo.ines, operation)
    glass = BrokenGlass.objects.get()
    for who in (demo.ines, demo.mara):
        assert refused_once(lambda who=who: review(by=who, glass=glass, text="ok")).rule == "glass.second_person"
    assert refused_once(lambda: review(by=demo.olaf, glass=glass, text="ok")).status == 403
    assert refused_once(lambda: review(by=demo.jonas, glass=glass, text=" ")).rule == "glass.review"
    assert review(by=demo.jonas, glass=glass, text="The outage was real.").reviewer == demo.jonas
    before = everything()
    assert refused_once(lambda: review(by=demo.pia, glass=glass, text="again")).rule == "glass.reviewed"
    assert set(before) <= set(everything())


def test_it_is_in_the_inbox_of_whoever_may_review_it_and_of_nobody_else(demo):
    assert breaks(demo.ines, planned(demo))
    glass = BrokenGlass.objects.get()

    def asked() -> set[str]:
        people = [person for person in User.objects.all() if inbox.to_review(person).exists()]
        assert people == [person for person in User.objects.all() if may_review(person, glass) is None]
        return {person.username for person in people}

    assert asked() == {"jonas", "pia"}
    with context(by="system:test"):
        Membership.objects.filter(user=demo.jonas).delete()
    assert asked() == {"pia"}


INSERT = """
INSERT INTO policies_brokenglass (subject, digest, team_id, requester_id, breaker_id, reason, missing, at, start_by,
    reviewer_id, reviewed_at, review)
VALUES (%s, %s, %s, %s, %s, 'x', '[]', now(), now() + %s::interval, %s, %s, %s)
"""


def test_raw_sql_forges_no_emergency_and_no_review(demo):
    operation = planned(demo)
    good = [operation.ref, operation.change_digest, demo.payments.pk, demo.mara.pk, demo.ines.pk, "15 min"]
    assert sqlstate(INSERT, [*good, None, None, ""]) == ""
    for place, value, state in (
        (0, "operation:0", "42501"),
        (1, "sha256:0", "42501"),
        (2, demo.reliability.pk, "42501"),
        (3, demo.vera.pk, "42501"),
        (5, "16 min", "23514"),
    ):
        wrong = [*good[:place], value, *good[place + 1 :], None, None, ""]
        assert sqlstate(INSERT, wrong) == state, place
    assert sqlstate(INSERT, [*good, demo.jonas.pk, timezone.now(), "fine"]) == "42501"
    assert breaks(demo.ines, operation)
    reviewed = "UPDATE policies_brokenglass SET review = 'x', reviewed_at = now(), reviewer_id = %s"
    assert [sqlstate(reviewed, [who.pk]) for who in (demo.ines, demo.mara, demo.jonas)] == ["23514", "23514", ""]
    for change in ("reason = 'y'", "start_by = now()", "digest = ''"):
        assert sqlstate(f"UPDATE policies_brokenglass SET {change}") == "42501"
    assert sqlstate("DELETE FROM policies_brokenglass") == "42501"
