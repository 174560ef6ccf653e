"""Machines, looks, reviews and leaving: what each may, when it ends, and what is refused."""

from datetime import timedelta

import pytest
from django.db import Error, IntegrityError
from django.utils import timezone

from audit.context import ReadOnly, context, read_only
from audit.models import AuditEvent, OutboxEvent
from policies import tokens
from policies.access import giving, leaving, looking, machines, reviews
from policies.models import AccessGrant, AccessReview, ApiToken, Impersonation, Membership, ReviewItem, User
from policies.permissions import Permission, may, people_with

pytestmark = pytest.mark.django_db
P = Permission


@pytest.fixture
def bot(demo):
    return machines.create(by=demo.ines, team=demo.payments, name="deploy-bot", role="developer")


def minted(demo, bot, **changes):
    return machines.mint(by=demo.ines, machine=bot, **{"name": "ci", "scopes": ["operate"], "days": 90, **changes})


def test_a_machine_is_its_teams_and_has_no_password(demo, bot):
    assert (bot.username, bot.owning_team, bot.has_usable_password()) == ("payments-deploy-bot", demo.payments, False)
    assert may(bot, P.DEPLOY, demo.payments)
    assert list(machines.managed_by(demo.ines)) == list(machines.managed_by(demo.pia)) == [bot]
    assert not machines.managed_by(demo.mara).exists()


@pytest.mark.parametrize(
    ("by", "name", "role", "rule"),
    [
        ("mara", "bot-1", "viewer", "role.manage_team"),
        ("ines", "x", "viewer", "machine.name"),
        ("ines", "Bot 1", "viewer", "machine.name"),
        ("ines", "bot-1", "owner", "machine.role"),
        ("ines", "deploy-bot", "viewer", "machine.once"),
    ],
)
def test_a_machine_that_may_not_be_is_refused(demo, bot, by, name, role, rule):
    assert machines.create(by=getattr(demo, by), team=demo.payments, name=name, role=role).rule == rule
    assert User.objects.filter(is_service=True).count() == 1


@pytest.mark.parametrize("scopes", [["approve"], ["access"], ["read", "approve"], [], ["*"]])
def test_no_token_of_a_machine_approves_or_manages(demo, bot, scopes):
    assert minted(demo, bot, scopes=scopes).rule == "token.scopes"
    assert not ApiToken.objects.exists()


def test_only_who_manages_the_team_mints_for_its_machine(demo, bot):
    for person in (demo.mara, demo.jonas, demo.tomasz):
        answer = machines.mint(by=person, machine=bot, name="ci", scopes=["read"], days=1)
        assert answer.rule == "role.manage_team"
    assert machines.mint(by=demo.ines, machine=demo.mara, name="x", scopes=["read"], days=1).rule == "machine.is_one"
    assert not ApiToken.objects.exists()


def test_a_rotated_token_has_a_new_value_and_the_old_one_ends_within_a_day(demo, bot):
    old, value = minted(demo, bot)
    fresh, other = machines.rotate(by=demo.ines, token=old)
    assert tokens.find(value) == old
    assert tokens.find(other) == fresh
    assert (fresh.replaces, fresh.scopes, fresh.user) == (old, old.scopes, bot)
    old.refresh_from_db()
    assert old.expires_at - timezone.now() <= timedelta(hours=24)
    assert machines.rotate(by=demo.ines, token=old).rule == "token.once"
    with context(by="system:test"):
        ApiToken.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(2), expires_at=timezone.now())
    assert (tokens.find(value), tokens.find(other)) == (None, fresh)


def test_without_overlap_the_old_value_is_nothing_at_once(demo, bot):
    old, value = minted(demo, bot)
    machines.rotate(by=demo.ines, token=old, overlap_hours=0)
    assert tokens.find(value) is None


@pytest.mark.parametrize(("by", "hours", "rule"), [("ines", 25, "token.overlap"), ("mara", 1, "role.manage_team")])
def test_a_rotation_that_may_not_be_leaves_the_token_as_it_was(demo, bot, by, hours, rule):
    old, value = minted(demo, bot)
    assert machines.rotate(by=getattr(demo, by), token=old, overlap_hours=hours).rule == rule
    assert (tokens.find(value), ApiToken.objects.count()) == (old, 1)


def test_a_look_begins_and_ends_in_the_history(demo):
    look = looking.begin(by=demo.pia, subject=demo.mara, reason="Ticket 7.")
    assert looking.present(demo.pia, look.pk).subject == demo.mara
    assert looking.present(demo.ana, look.pk) is None
    looking.end(by=demo.pia, pk=look.pk)
    looking.end(by=demo.pia, pk=look.pk)
    assert looking.present(demo.pia, look.pk) is None
    told = AuditEvent.objects.filter(event__startswith="impersonation.", source="event").order_by("id")
    assert [(each.event, each.actor) for each in told] == [
        ("impersonation.began", demo.pia.audit_ref),
        ("impersonation.ended", demo.pia.audit_ref),
    ]


@pytest.mark.parametrize(
    ("by", "subject", "reason", "rule"),
    [
        ("ines", "mara", "Help.", "role.impersonate"),
        ("ana", "mara", "Help.", "role.impersonate"),
        ("pia", "pia", "Help.", "impersonation.person"),
        ("pia", "mara", " ", "impersonation.reason"),
    ],
)
def test_a_look_that_may_not_be_does_not_begin(demo, by, subject, reason, rule):
    assert looking.begin(by=getattr(demo, by), subject=getattr(demo, subject), reason=reason).rule == rule
    assert not Impersonation.objects.exists()


def test_a_look_ends_with_its_time_the_right_or_the_person(demo):
    look = looking.begin(by=demo.pia, subject=demo.mara, reason="Ticket 7.")
    assert look.ends_at - look.started_at == timedelta(minutes=30)
    giving.give(by=_boss(), wanted=giving.Wanted(demo.pia, None, "impersonate", "Paused.", effect="deny"))
    assert looking.present(demo.pia, look.pk) is None
    with pytest.raises(Error), context(by="system:test"):
        Impersonation.objects.filter(pk=look.pk).update(ends_at=timezone.now() + timedelta(hours=1))


def _boss() -> User:
    with context(by="system:test"):
        return User.objects.create_user("boss", is_platform=True, full_name="Boss")


@pytest.mark.parametrize("length", [timedelta(minutes=31), timedelta(0)])
def test_the_database_refuses_a_look_that_is_too_long(demo, length):
    now = timezone.now()
    with pytest.raises(IntegrityError), context(by="system:test"):
        Impersonation.objects.create(
            actor=demo.pia, subject=demo.mara, reason="x", started_at=now, ends_at=now + length
        )


def test_nothing_can_be_written_inside_a_look(demo):
    with read_only("Pia looks as Mara"), pytest.raises(ReadOnly), context(by=demo.mara):
        pass
    with context(by=demo.mara):
        pass


@pytest.fixture
def review(demo):
    grant = giving.give(by=demo.ines, wanted=giving.Wanted(demo.olaf, demo.payments, "developer", "Cover."))
    assert reviews.open_due(timezone.now()) == 2
    return AccessReview.objects.get(team=demo.payments), grant


def test_a_review_asks_about_grants_for_one_service_but_not_about_what_is_over_or_denied(demo):
    week, now = timedelta(days=7), timezone.now()
    usual = {"user": demo.olaf, "granted_by": demo.ines, "reason": "Cover.", "starts_at": now - week}
    with context(by="system:test"):
        AccessGrant.objects.create(**usual, service=demo.api, permission="operate", ends_at=now + week)
        AccessGrant.objects.create(**usual, team=demo.payments, role="viewer", ends_at=now - timedelta(days=1))
        AccessGrant.objects.create(**usual, team=demo.payments, permission="deploy", effect="deny")
    reviews.open_due(now)
    said = f"grant operate on payments-api until {now + week:%Y-%m-%d}"
    assert [row.what for row in ReviewItem.objects.filter(user=demo.olaf)] == [said]


def test_each_quarter_one_review_asks_about_every_right(demo, review):
    found, _grant = review
    assert reviews.open_due(timezone.now()) == 0
    assert [(str(item.user), item.what) for item in found.items.all()] == [
        ("Ines", "role owner"),
        ("Jonas", "role approver"),
        ("Mara", "role developer"),
        ("Olaf", "grant developer on Payments"),
        ("Vera", "role viewer"),
    ]
    assert OutboxEvent.objects.filter(topic="access.review_opened").count() == 2
    months = [timezone.now().replace(month=month, day=1) for month in (1, 3, 4, 12)]
    assert [reviews.period_of(month)[5:] for month in months] == ["Q1", "Q1", "Q2", "Q4"]


def test_an_owner_confirms_and_revokes_but_never_their_own(demo, review):
    found, _grant = review
    items = {str(item.user): item for item in found.items.all()}
    assert reviews.decide(by=demo.ines, item=items["Ines"], keep=True).rule == "review.not_oneself"
    assert reviews.decide(by=demo.mara, item=items["Vera"], keep=True).rule == "role.review_access"
    assert reviews.decide(by=demo.ines, item=items["Olaf"], keep=False).decision == "revoked"
    assert not may(demo.olaf, P.VIEW, demo.payments)
    assert reviews.decide(by=demo.ines, item=items["Jonas"], keep=False).decision == "revoked"
    assert demo.jonas not in people_with(P.APPROVE, demo.payments)
    items["Jonas"].refresh_from_db()
    assert reviews.decide(by=demo.pia, item=items["Jonas"], keep=True).rule == "review.once"
    for name in ("Mara", "Vera"):
        reviews.decide(by=demo.ines, item=items[name], keep=True)
    assert AccessReview.objects.get(pk=found.pk).completed_at is None
    reviews.decide(by=demo.pia, item=items["Ines"], keep=True)
    assert AccessReview.objects.get(pk=found.pk).completed_at is not None


def test_a_review_leaves_a_team_its_last_owner_whoever_decides(demo, review):
    item = review[0].items.get(user=demo.ines)
    assert reviews.decide(by=demo.pia, item=item, keep=False).rule == "membership.last_owner"
    item.refresh_from_db()
    assert (item.decision, item.decided_by) == ("", None)
    assert may(demo.ines, P.MANAGE_TEAM, demo.payments)
    assert AuditEvent.objects.filter(event="access.refused", object=item.subject).count() == 1


def test_an_open_review_reminds_each_week_until_it_is_done(demo, review):
    now = timezone.now()
    assert reviews.remind_due(now) == 0
    assert reviews.remind_due(now + timedelta(days=8)) == 2
    assert reviews.remind_due(now + timedelta(days=8)) == 0
    told = OutboxEvent.objects.filter(topic="access.review_reminder", payload__team="payments").get()
    assert told.payload["open"] == 5


def test_a_review_as_a_file_runs_no_formula(demo, review):
    found, _ = review
    notes = {demo.jonas: "-1", demo.mara: "+1", demo.olaf: "@a", demo.vera: "=1+1"}
    for person, note in notes.items():
        reviews.decide(by=demo.ines, item=found.items.get(user=person), keep=True, note=note)
    lines = reviews.as_csv(found).splitlines()
    assert lines[0].split(",") == list(reviews.COLUMNS)
    assert lines[-1].startswith(f"{found.period},payments,vera,role viewer,confirmed,Ines,")
    assert [line.rpartition(",")[2] for line in lines[2:]] == [f"'{note}" for note in notes.values()]


def test_the_database_keeps_an_answer_as_it_was_given(demo, review):
    item = review[0].items.get(user=demo.vera)
    reviews.decide(by=demo.ines, item=item, keep=True)
    with pytest.raises(Error), context(by="system:test"):
        ReviewItem.objects.filter(pk=item.pk).update(decision="revoked")


def test_who_leaves_keeps_nothing(demo):
    giving.give(by=demo.pia, wanted=giving.Wanted(demo.mara, demo.reliability, "viewer", "Cover."))
    _, value = tokens.create(by=demo.mara, name="ci", scopes=["read"], days=9)
    ended = leaving.close(by=demo.pia, person=demo.mara, reason="New job.")
    assert ended == {"tokens": 1, "grants": 1, "roles": 1, "looks": 0}
    assert tokens.find(value) is None
    demo.mara.refresh_from_db()
    assert (demo.mara.is_active, demo.mara.left_at is None) == (False, False)
    assert not any(may(demo.mara, right, where) for right in P for where in (demo.payments, demo.reliability, None))
    assert not Membership.objects.filter(user=demo.mara).exists()


@pytest.mark.parametrize(("by", "rule"), [("ines", "role.manage_access"), ("pia", "leave.not_oneself")])
def test_only_a_manager_of_access_closes_an_account_and_never_their_own(demo, by, rule):
    person = demo.pia if by == "pia" else demo.mara
    assert leaving.close(by=getattr(demo, by), person=person, reason="").rule == rule
    assert User.objects.get(pk=person.pk).is_active


def test_a_teams_owner_closes_its_machines(demo, bot):
    assert leaving.close(by=demo.ines, person=bot, reason="Retired.")["roles"] == 1


def test_a_team_whose_last_owner_left_is_told(demo):
    assert list(leaving.teams_without_owner()) == [demo.reliability]
    leaving.close(by=demo.pia, person=demo.ines, reason="New job.")
    assert set(leaving.teams_without_owner()) == {demo.payments, demo.reliability}
