"""Who is behind a group, and what asks for a person: the same answer from both sides, whatever gives or takes it."""

import itertools

import pytest

from audit.context import context
from policies.models import AccessGrant, CustomRole, Membership, Service
from policies.signers import asking, people_of
from provisioning.models import Operation
from provisioning.selectors import operations_visible_to, waiting_for
from provisioning.signing import waited_for
from tests.hostile import refused_once
from tests.policies.test_access_rights import given
from tests.portal.api import made
from tests.provisioning.signed import fresh, planned, ruled, sign

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_moment")]
GROUPS = ("team:payments", "team:reliability", "role:keeper@payments", "role:owner@payments", "person:olaf")


@pytest.fixture
def keeper(demo):
    """A role of the organisation's own making that may sign, and is named by a step."""
    with context(by="system:test"):
        return CustomRole.objects.create(slug="keeper", name="Keeper", permissions=["view", "approve"])


@pytest.fixture
def ledger(demo):
    with context(by="system:test"):
        return Service.objects.create(team=demo.payments, slug="ledger", name="Ledger")


def member(person, team, role):
    with context(by="system:test"):
        Membership.objects.create(user=person, team=team, custom=role)


def kept(demo):
    """A plan that waits for one keeper of Payments."""
    ruled({"name": "Keepers", "owning": False, "roles": ["keeper"]}, tiers=["stage"])
    return planned(demo, name="payments-api-stage", tier="stage")


def waits(person) -> bool:
    return waiting_for(person).exists()


def test_who_holds_a_custom_role_sees_and_signs_what_waits_for_that_role(demo, keeper):
    member(demo.olaf, demo.payments, keeper)
    operation = kept(demo)
    assert (operation.status, operation.asked) == ("awaiting_approval", ["role:keeper@payments"])
    assert (waits(demo.olaf), waits(demo.jonas)) == (True, False)
    assert [each.people for each in waited_for(operation)] == [(demo.olaf,)]
    assert refused_once(lambda: sign(demo.jonas, operation)).rule == "approval.approver"
    assert sign(demo.olaf, operation).status == "queued"


@pytest.mark.parametrize("scope", ["team", "organisation", "service"])
def test_a_grant_of_the_role_counts_like_holding_it_until_it_ends(demo, keeper, scope):
    at = {"team": demo.payments, "organisation": demo.payments.organisation, "service": demo.api}[scope]
    operation = kept(demo)
    row = given(demo, demo.olaf, custom=keeper, **{scope: at})
    assert (waits(demo.olaf), operations_visible_to(demo.olaf).exists()) == (True, True)
    with context(by="system:test"):
        AccessGrant.objects.filter(pk=row.pk).update(revoked_at=row.starts_at, revoked_by=demo.pia)
    assert not waits(demo.olaf)
    assert refused_once(lambda: sign(demo.olaf, operation)).rule == "approval.approver"
    assert fresh(operation).status == "awaiting_approval"


@pytest.mark.parametrize(
    ("scope", "denial"),
    [
        ("team", {"role": "approver"}),
        ("organisation", {"permission": "approve"}),
        ("service", {"permission": "approve"}),
        ("service", {"role": "owner"}),
    ],
)
def test_a_denial_to_sign_keeps_from_inbox_and_signature_whatever_role_there_is(demo, scope, denial):
    at = {"team": demo.payments, "organisation": demo.payments.organisation, "service": demo.api}[scope]
    operation = planned(demo)
    assert waits(demo.ines)
    given(demo, demo.ines, effect="deny", **{scope: at}, **denial)
    assert not waits(demo.ines)
    assert demo.ines not in waited_for(operation)[0].people
    assert refused_once(lambda: sign(demo.ines, operation)).rule == "approval.approver"


def test_a_denial_in_the_owning_team_beats_the_right_of_another_team(demo):
    operation = planned(demo)
    assert waits(demo.tomasz)
    given(demo, demo.tomasz, effect="deny", permission="approve", team=demo.payments)
    assert not waits(demo.tomasz)
    assert refused_once(lambda: sign(demo.tomasz, operation)).rule == "approval.approver"


def test_a_right_for_one_service_signs_for_that_service_alone(demo, ledger):
    operation = planned(demo)
    given(demo, demo.olaf, permission="approve", service=ledger)
    assert not waits(demo.olaf)
    given(demo, demo.vera, permission="approve", service=demo.api)
    assert waits(demo.vera)
    assert refused_once(lambda: sign(demo.olaf, operation)).rule == "approval.approver"
    assert sign(demo.vera, operation).status == "awaiting_approval"
    assert sign(demo.tomasz, operation).status == "queued"


def test_a_signature_of_a_right_denied_meanwhile_counts_for_nothing(demo):
    operation = planned(demo)
    assert sign(demo.ines, operation)
    given(demo, demo.ines, effect="deny", permission="approve", service=demo.api)
    assert sign(demo.tomasz, operation).status == "awaiting_approval"
    assert sign(demo.jonas, operation).status == "queued"


def test_both_sides_agree_about_everybody_under_every_grant_and_denial(demo, keeper, ledger):
    """Each person under each gift: the groups that `asking` finds for them are those whose people they are."""
    where = made.environment(demo)
    waiting = Operation.objects.filter(pk__in=[made.operation(demo, where, asked=[group]).pk for group in GROUPS])
    everybody = (demo.olaf, demo.ines, demo.tomasz, demo.ana)
    scopes = {"team": demo.payments, "organisation": demo.payments.organisation, "service": demo.api}
    matters = ({"permission": "approve"}, {"role": "owner"}, {"custom": keeper})
    agreed = []
    for (scope, at), matter, effect in itertools.product(scopes.items(), matters, ("allow", "deny")):
        row = given(demo, demo.olaf, effect=effect, **{scope: at}, **matter)
        people = people_of(GROUPS, demo.api)
        for person in everybody:
            found = waiting.filter(asking(person, asked="asked", service="environment__service"))
            inbox = {group for (group,) in found.values_list("asked", flat=True)}
            theirs = {group for group in GROUPS if person.pk in people[group]}
            assert inbox == theirs, (scope, matter, effect, person)
            agreed.append(inbox)
        with context(by="system:test"):
            AccessGrant.objects.filter(pk=row.pk).update(revoked_at=row.starts_at, revoked_by=demo.pia)
    assert (len(agreed), set.union(*agreed)) == (18 * 4, set(GROUPS))
