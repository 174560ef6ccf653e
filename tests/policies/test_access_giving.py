"""Giving rights: who may give what to whom, what is refused and recorded, and why somebody may."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from policies.access.giving import Wanted, admit, dismiss, give, revoke, save_role
from policies.access.why import explain, who
from policies.models import AccessGrant, CustomRole, Membership, User
from policies.permissions import Permission, may, people_with
from policies.results import Denied

pytestmark = pytest.mark.django_db
P = Permission


def wish(demo, matter="developer", **changes) -> Wanted:
    return Wanted(**{"to": demo.olaf, "where": demo.payments, "matter": matter, "reason": "Cover.", **changes})


def test_an_owner_gives_what_they_hold_in_their_own_team_for_a_time(demo):
    ends = timezone.now() + timedelta(hours=8)
    grant = give(by=demo.ines, wanted=wish(demo, ends_at=ends))
    assert (grant.matter, grant.where, grant.ends_at, grant.granted_by) == ("developer", "Payments", ends, demo.ines)
    assert may(demo.olaf, P.DEPLOY, demo.payments)
    assert AuditEvent.objects.get(event="access.granted").actor == demo.ines.audit_ref


@pytest.mark.parametrize(
    ("by", "changes", "rule"),
    [
        ("mara", {}, "role.manage_team"),
        ("jonas", {}, "role.manage_team"),
        ("olaf", {"to": "mara"}, "role.manage_team"),
        ("ines", {"to": "ines"}, "grant.not_to_oneself"),
        ("pia", {"to": "pia"}, "grant.not_to_oneself"),
        ("ines", {"matter": "manage_policies"}, "grant.held"),
        ("ines", {"where": "reliability"}, "role.manage_team"),
        ("ines", {"where": None}, "role.manage_access"),
        ("ines", {"to": "pia", "effect": "deny"}, "grant.deny_global"),
        ("ines", {"matter": "fly"}, "grant.known"),
        ("ines", {"reason": " "}, "grant.reason"),
        ("ines", {"effect": "perhaps"}, "grant.effect"),
        ("ines", {"ends_at": timezone.now() - timedelta(days=1)}, "grant.ends"),
    ],
)
def test_what_nobody_may_give_is_refused_and_recorded_and_gives_nothing(demo, by, changes, rule):
    changes = {k: getattr(demo, v) if k in {"to", "where"} and v else v for k, v in changes.items()}
    answer = give(by=getattr(demo, by), wanted=wish(demo, **changes))
    assert isinstance(answer, Denied)
    assert answer.rule == rule
    assert not AccessGrant.objects.exists()
    assert AuditEvent.objects.get(event="access.refused").data["rule"] == rule


def test_a_manager_of_access_gives_others_what_they_do_not_hold(demo):
    assert not may(demo.pia, P.APPROVE, demo.payments)
    give(by=demo.pia, wanted=wish(demo, "approver"))
    assert demo.olaf in people_with(P.APPROVE, demo.payments)


def test_a_revoked_grant_ends_at_once_and_nobody_lifts_their_own_denial(demo):
    denial = give(by=demo.ines, wanted=wish(demo, "view", effect="deny", to=demo.vera))
    assert revoke(by=demo.vera, grant=denial).rule == "grant.not_to_oneself"
    assert revoke(by=demo.mara, grant=denial).rule == "role.manage_team"
    assert not may(demo.vera, P.VIEW, demo.payments)
    ended = revoke(by=demo.ines, grant=denial)
    assert (ended.revoked_by, bool(may(demo.vera, P.VIEW, demo.payments))) == (demo.ines, True)
    first = ended.revoked_at
    assert revoke(by=demo.ines, grant=ended).revoked_at == first


def test_a_grant_on_a_service_is_in_the_history_of_its_team(demo):
    give(by=demo.ines, wanted=wish(demo, "operate", where=demo.api))
    found = AuditEvent.objects.filter(event__in=["access.granted", "accessgrant.inserted"])
    assert [event.scope for event in found] == [f"team:{demo.payments.pk}"] * 2


def test_somebody_may_give_their_own_grant_back(demo):
    grant = give(by=demo.ines, wanted=wish(demo))
    assert revoke(by=demo.olaf, grant=grant).revoked_by == demo.olaf


def test_roles_are_given_and_taken_by_owners_and_the_last_owner_stays(demo):
    assert admit(by=demo.ines, user=demo.olaf, team=demo.payments, role="owner").role == "owner"
    own = Membership.objects.get(user=demo.ines, team=demo.payments)
    assert dismiss(by=demo.olaf, membership=own)
    last = Membership.objects.get(user=demo.olaf, team=demo.payments)
    assert dismiss(by=demo.olaf, membership=last).rule == "membership.last_owner"
    assert Membership.objects.filter(pk=last.pk).exists()


@pytest.mark.parametrize(
    ("by", "to", "role", "rule"),
    [
        ("ines", "ines", "approver", "membership.not_to_oneself"),
        ("mara", "olaf", "viewer", "role.manage_team"),
        ("ines", "mara", "developer", "membership.once"),
        ("ines", "olaf", "captain", "membership.role"),
        ("ines", "olaf", "view", "membership.role"),
    ],
)
def test_a_role_that_may_not_be_given_is_refused(demo, by, to, role, rule):
    before = Membership.objects.count()
    assert admit(by=getattr(demo, by), user=getattr(demo, to), team=demo.payments, role=role).rule == rule
    assert Membership.objects.count() == before


def test_custom_roles_are_made_by_managers_of_access_but_never_the_one_they_hold(demo):
    made = save_role(by=demo.pia, slug="releaser", name="Releaser", permissions=["deploy", "view", "deploy"])
    assert made.permissions == ["deploy", "view"]
    assert admit(by=demo.ines, user=demo.olaf, team=demo.payments, role="releaser").custom == made
    assert may(demo.olaf, P.DEPLOY, demo.payments)
    with context(by="system:test"):
        Membership.objects.create(user=demo.pia, team=demo.reliability, custom=made)
    answer = save_role(by=demo.pia, slug="releaser", name="Releaser", permissions=["approve"])
    assert (answer.rule, CustomRole.objects.get().permissions) == ("role.not_own", ["deploy", "view"])


@pytest.mark.parametrize(
    ("by", "slug", "permissions", "rule"),
    [
        ("ines", "x", ["view"], "role.manage_access"),
        ("pia", "owner", ["view"], "role.name"),
        ("pia", "two words", ["view"], "role.name"),
        ("pia", "x" * 41, ["view"], "role.name"),
        ("pia", "x", ["fly"], "role.rights"),
        ("pia", "x", [], "role.rights"),
    ],
)
def test_a_custom_role_that_makes_no_sense_is_refused(demo, by, slug, permissions, rule):
    assert save_role(by=getattr(demo, by), slug=slug, name="X", permissions=permissions).rule == rule
    assert not CustomRole.objects.exists()


def test_why_names_every_source_denials_first(demo):
    give(by=demo.pia, wanted=wish(demo, "approve", to=demo.ines, reason="Also here."))
    give(by=demo.pia, wanted=wish(demo, "approver", to=demo.ines, effect="deny", reason="Conflict."))
    found = explain(demo.ines, P.APPROVE, demo.payments)
    assert found.allowed is False
    assert [(each.source, each.effect, each.what) for each in found.because] == [
        ("denial", "deny", "approver"),
        ("grant", "allow", "approve"),
        ("role", "allow", "owner"),
    ]
    assert (found.because[0].by, found.because[0].reason) == ("Pia", "Conflict.")


def test_why_and_who_agree_with_the_rule_for_everybody(demo):
    give(by=demo.pia, wanted=wish(demo, "operate", where=demo.api))
    give(by=demo.pia, wanted=wish(demo, "view", to=demo.vera, effect="deny"))
    for permission in (P.VIEW, P.OPERATE, P.APPROVE, P.MANAGE_ACCESS):
        for where in (demo.payments, demo.api, None):
            answers = {each.user.pk: each for each in who(permission, where)}
            for person in User.objects.all():
                found = explain(person, permission, where)
                assert found.allowed == bool(may(person, permission, where))
                assert found.allowed == (person.pk in answers and answers[person.pk].allowed)
                assert not found.allowed or any(each.effect == "allow" for each in found.because)


def test_who_shows_whom_a_denial_stops(demo):
    give(by=demo.pia, wanted=wish(demo, "approve", to=demo.jonas, effect="deny"))
    answers = {str(each.user): each.allowed for each in who(P.APPROVE, demo.payments)}
    assert answers == {"Ines": True, "Jonas": False}


def test_an_owner_who_left_is_no_other_owner(demo):
    assert admit(by=demo.ines, user=demo.olaf, team=demo.payments, role="owner")
    with context(by="system:test"):
        User.objects.filter(pk=demo.olaf.pk).update(is_active=False)
    own = Membership.objects.get(user=demo.ines, team=demo.payments)
    assert dismiss(by=demo.pia, membership=own).rule == "membership.last_owner"
    assert Membership.objects.filter(pk=own.pk).exists()
