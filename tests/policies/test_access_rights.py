"""Custom roles, grants and denials: who holds what where, judged against now, and the database's own refusals."""

from datetime import timedelta

import pytest
from django.db import Error, IntegrityError, connection, transaction
from django.utils import timezone

from audit.context import context
from policies.models import AccessGrant, CustomRole, Membership, Service, Signature, User
from policies.permissions import Permission, may, people_with, services_with, teams_with
from tests.bench.lists import permission_queries
from tests.portal.api import made

pytestmark = pytest.mark.django_db
P = Permission
ALLOW, DENY = "allow", "deny"


def given(demo, to, by=None, **fields) -> AccessGrant:
    fields.setdefault("reason", "Because.")
    if not {"team", "service", "organisation"} & set(fields):
        fields["team"] = demo.payments
    with context(by="system:test"):
        return AccessGrant.objects.create(user=to, granted_by=by or demo.pia, **fields)


def agreed(user, permission, where) -> bool:
    """One answer from every door; they must not differ."""
    answer = bool(may(user, permission, where))
    assert people_with(permission, where).filter(pk=user.pk).exists() is answer
    if where is not None:
        rows = services_with(user, permission) if isinstance(where, Service) else teams_with(user, permission)
        assert rows.filter(pk=where.pk).exists() is answer
    return answer


@pytest.fixture
def releaser(db):
    with context(by="system:test"):
        return CustomRole.objects.create(slug="releaser", name="Releaser", permissions=["view", "deploy"])


def test_a_custom_role_gives_exactly_its_rights_in_its_team(demo, releaser):
    with context(by="system:test"):
        Membership.objects.create(team=demo.payments, user=demo.olaf, custom=releaser)
    held = {permission for permission in P if agreed(demo.olaf, permission, demo.payments)}
    assert held == {P.VIEW, P.DEPLOY}
    assert not any(may(demo.olaf, permission, demo.reliability) for permission in P)
    assert not any(may(demo.olaf, permission, None) for permission in P)


def test_every_door_says_the_same_of_everybody_everywhere(demo, releaser):
    given(demo, demo.olaf, custom=releaser)
    given(demo, demo.ines, permission="approve", effect=DENY)
    given(
        demo, demo.pia, by=demo.ines, permission="stop_the_line", effect=DENY, organisation=demo.payments.organisation
    )
    given(demo, demo.tomasz, permission="operate", service=demo.api)
    given(demo, demo.mara, role="approver", organisation=demo.payments.organisation)
    for person in User.objects.all():
        for permission in (P.VIEW, P.DEPLOY, P.OPERATE, P.APPROVE, P.STOP_THE_LINE, P.MANAGE_ACCESS):
            for where in (demo.payments, demo.reliability, demo.api, None):
                agreed(person, permission, where)


def test_a_denial_beats_role_and_flag_and_says_so(demo):
    given(demo, demo.mara, permission="deploy", effect=DENY, reason="Deploys are paused for the audit.")
    refused = may(demo.mara, P.DEPLOY, demo.payments)
    assert (refused.rule, refused.reason) == (
        "deny.deploy",
        "Mara is denied to deploy releases for Payments: Deploys are paused for the audit.",
    )
    assert may(demo.mara, P.REQUEST, demo.payments)
    given(demo, demo.pia, by=demo.ines, permission="view", effect=DENY)
    assert not may(demo.pia, P.VIEW, demo.payments)
    assert may(demo.pia, P.VIEW, demo.reliability)


@pytest.mark.parametrize("wide", ["organisation", "team", "service"])
@pytest.mark.parametrize("narrow", ["organisation", "team", "service"])
def test_a_denial_at_any_scope_beats_an_allowance_at_any_other(demo, wide, narrow):
    scopes = {"organisation": demo.payments.organisation, "team": demo.payments, "service": demo.api}
    given(demo, demo.olaf, permission="operate", **{narrow: scopes[narrow]})
    assert agreed(demo.olaf, P.OPERATE, demo.api)
    given(demo, demo.olaf, permission="operate", effect=DENY, **{wide: scopes[wide]})
    assert not agreed(demo.olaf, P.OPERATE, demo.api)


def test_a_grant_on_a_service_reaches_that_service_alone(demo):
    with context(by="system:test"):
        other = Service.objects.create(team=demo.payments, slug="ledger", name="Ledger")
    given(demo, demo.olaf, role="developer", service=demo.api)
    assert agreed(demo.olaf, P.OPERATE, demo.api)
    assert not agreed(demo.olaf, P.OPERATE, other)
    assert not agreed(demo.olaf, P.OPERATE, demo.payments)


@pytest.mark.parametrize(
    ("starts", "ends", "holds"), [(-2, -1, False), (-1, 1, True), (1, 2, False), (-1, None, True), (1, None, False)]
)
def test_a_grant_begins_and_ends_by_itself(demo, starts, ends, holds):
    now = timezone.now()
    until = None if ends is None else now + timedelta(hours=ends)
    given(demo, demo.olaf, role="viewer", starts_at=now + timedelta(hours=starts), ends_at=until)
    assert agreed(demo.olaf, P.VIEW, demo.payments) is holds


def test_a_grant_ends_within_one_transaction_when_its_moment_passes(demo):
    given(demo, demo.olaf, role="viewer", ends_at=timezone.now() + timedelta(seconds=1))
    assert may(demo.olaf, P.VIEW, demo.payments)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1.05)")
    assert not may(demo.olaf, P.VIEW, demo.payments)


def test_a_revoked_grant_gives_nothing(demo):
    grant = given(demo, demo.olaf, role="viewer")
    with context(by=demo.pia):
        AccessGrant.objects.filter(pk=grant.pk).update(revoked_at=timezone.now(), revoked_by=demo.pia)
    assert not agreed(demo.olaf, P.VIEW, demo.payments)


def test_a_machine_decides_nothing_whatever_it_is_given(demo):
    with context(by="system:test"):
        User.objects.filter(pk=demo.olaf.pk).update(is_service=True, owning_team=demo.payments)
    demo.olaf.refresh_from_db()
    given(demo, demo.olaf, role="owner")
    held = {permission for permission in P if agreed(demo.olaf, permission, demo.payments)}
    assert P.DEPLOY in held
    assert not held & {P.APPROVE, P.MANAGE_TEAM, P.REVIEW_ACCESS, P.OVERRIDE_POLICY, P.BREAK_GLASS}


def test_any_permission_question_is_one_query(demo, django_assert_num_queries):
    for where in (demo.payments, demo.api, None):
        with django_assert_num_queries(1):
            may(demo.ana, P.VIEW, where)
    for rows in (teams_with, services_with):
        with django_assert_num_queries(1):
            list(rows(demo.mara, P.VIEW))
    with django_assert_num_queries(1):
        list(people_with(P.APPROVE, demo.payments))


@pytest.mark.parametrize(
    "wrong",
    [
        {"granted_by": "olaf"},
        {"reason": ""},
        {"effect": "maybe"},
        {"permission": "fly"},
        {"role": "viewer", "permission": "view"},
        {"permission": ""},
        {"service": "api"},
        {"team": None},
        {"ends_at": timezone.now() - timedelta(days=9)},
    ],
)
def test_the_database_refuses_a_grant_that_makes_no_sense(demo, wrong):
    fields = {"permission": "view", "reason": "Because.", "team": demo.payments, "granted_by": demo.pia, **wrong}
    fields |= {
        name: getattr(demo, fields[name]) for name in ("service", "granted_by") if isinstance(fields.get(name), str)
    }
    with pytest.raises(IntegrityError), context(by="system:test"):
        AccessGrant.objects.create(user=demo.olaf, **fields)
    assert not AccessGrant.objects.exists()


@pytest.mark.parametrize("permissions", [[], ["fly"], ["view", "fly"]])
def test_the_database_refuses_a_custom_role_of_unknown_rights(demo, permissions):
    with pytest.raises(IntegrityError), context(by="system:test"):
        CustomRole.objects.create(slug="odd", name="Odd", permissions=permissions)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM policies_accessgrant",
        "UPDATE policies_accessgrant SET user_id = %(other)s",
        "UPDATE policies_accessgrant SET ends_at = NULL, revoked_at = now()",
        "UPDATE policies_accessgrant SET effect = 'allow'",
        "UPDATE policies_accessgrant SET revoked_at = now(), revoked_by_id = user_id",
    ],
)
def test_raw_sql_as_the_app_cannot_change_a_grant_but_end_it(demo, statement):
    given(demo, demo.olaf, role="viewer", effect=DENY, ends_at=timezone.now() + timedelta(days=1))
    with pytest.raises(Error), context(by="system:test"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, {"other": demo.vera.pk})
    assert AccessGrant.objects.get().revoked_at is None


def test_raw_sql_as_the_app_cannot_sign_as_a_machine(demo):
    with context(by="system:test"):
        User.objects.filter(pk=demo.olaf.pk).update(is_service=True, owning_team=demo.payments)
    signed = {"subject": "operation:1", "digest": "d", "team": demo.payments, "verdict": "approve", "owning": True}
    with pytest.raises(Error, match="never signs"), context(by="system:test"):
        Signature.objects.create(signer=demo.olaf, requester=demo.mara, **signed)
    assert not Signature.objects.exists()


def test_a_list_of_fifty_costs_at_most_three_queries_for_rights(demo):
    for number in range(50):
        made.environment(demo, f"payments-{number}")
    given(demo, demo.mara, permission="view", service=demo.api)
    assert 1 <= permission_queries(demo) <= 3
