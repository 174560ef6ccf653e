"""The role table, person by person; grants that come and go at once; flags and groups that count for nothing."""

import pytest
from django.contrib.auth.models import Group
from guardian.shortcuts import assign_perm

from audit.context import context
from policies import permissions
from policies.models import Membership, Team
from policies.permissions import Permission, may, teams_with
from provisioning.selectors import environments_visible_to, operations_visible_to
from tests.people import user

pytestmark = pytest.mark.django_db

SEE = {Permission.VIEW, Permission.VIEW_HISTORY, Permission.EXPORT_HISTORY}
DEVELOP = SEE | {Permission.REQUEST, Permission.OPERATE, Permission.DEPLOY, Permission.REVEAL_SECRET}
TABLE = {
    "vera": SEE,
    "mara": DEVELOP,
    "jonas": SEE | {Permission.APPROVE},
    "ines": DEVELOP
    | {
        Permission.APPROVE,
        Permission.MANAGE_TEAM,
        Permission.REVIEW_ACCESS,
        Permission.OVERRIDE_POLICY,
        Permission.BREAK_GLASS,
        Permission.STOP_THE_LINE,
    },
    "tomasz": set(),
    "ana": SEE,
    "pia": {
        Permission.VIEW,
        Permission.VIEW_HISTORY,
        Permission.PUBLISH_TEMPLATE,
        Permission.RECOVER,
        Permission.MANAGE_TARGETS,
        Permission.MANAGE_INVENTORY,
        Permission.MANAGE_ACCESS,
        Permission.IMPERSONATE,
        Permission.MANAGE_POLICIES,
        Permission.MANAGE_APPROVAL_RULES,
        Permission.MANAGE_QUOTAS,
        Permission.MANAGE_WINDOWS,
        Permission.STOP_THE_LINE,
        Permission.USE_SWITCHES,
    },
    "olaf": set(),
}


def rights(person, team) -> set[Permission]:
    found = {permission for permission in Permission if may(person, permission, team)}
    assert found == {
        permission for permission in Permission if teams_with(person, permission).filter(pk=team.pk).exists()
    }
    return found


@pytest.mark.parametrize("person", sorted(TABLE))
def test_everybody_may_exactly_what_the_table_says_in_payments(demo, person):
    assert rights(getattr(demo, person), demo.payments) == TABLE[person]


@pytest.mark.parametrize("person", sorted(TABLE))
def test_a_role_in_one_team_is_nothing_in_another(demo, person):
    everywhere = TABLE[person] if person in {"ana", "pia"} else set()
    expected = SEE | {Permission.APPROVE} if person == "tomasz" else everywhere
    assert rights(getattr(demo, person), demo.reliability) == expected


def test_the_whole_organisation_is_for_global_roles_only(demo):
    found = {name: {p for p in Permission if may(getattr(demo, name), p, None)} for name in TABLE}
    assert found == {name: TABLE[name] if name in {"ana", "pia"} else set() for name in TABLE}


@pytest.mark.parametrize("person", sorted(TABLE))
def test_somebody_who_left_may_nothing(demo, person):
    who = getattr(demo, person)
    who.is_active = False
    assert rights(who, demo.payments) == set()


def test_several_roles_add_up(demo):
    with context(by="system:test"):
        Membership.objects.create(team=demo.payments, user=demo.jonas, role="developer")
    assert rights(demo.jonas, demo.payments) == DEVELOP | {Permission.APPROVE}


def test_djangos_flags_give_no_right(demo):
    with context(by="system:test"):
        root = user("root", is_superuser=True, is_staff=True)
    assert rights(root, demo.payments) == set()


def test_a_grant_gives_its_rights_and_its_end_takes_them_at_once(demo):
    with context(by=demo.ines):
        assert permissions.grant(by=demo.ines, to=demo.olaf, team=demo.payments, name="operate_team")
    assert rights(demo.olaf, demo.payments) == DEVELOP - {Permission.REVEAL_SECRET}
    assert rights(demo.olaf, demo.reliability) == set()
    with context(by=demo.ines):
        assert permissions.revoke(by=demo.ines, to=demo.olaf, team=demo.payments, name="operate_team")
    assert rights(demo.olaf, demo.payments) == set()


@pytest.mark.parametrize("person", ["mara", "jonas", "vera", "tomasz", "ana", "pia", "olaf"])
def test_only_who_manages_the_team_grants_and_revokes(demo, person):
    by = getattr(demo, person)
    for act in (permissions.grant, permissions.revoke):
        with context(by=by):
            assert act(by=by, to=demo.olaf, team=demo.payments, name="operate_team").rule == "role.manage_team"
    assert rights(demo.olaf, demo.payments) == set()


@pytest.mark.parametrize("name", ["change_team", "delete_team", "", "policies.operate_team"])
def test_only_what_is_listed_can_be_granted(demo, name):
    with context(by=demo.ines):
        assert permissions.grant(by=demo.ines, to=demo.olaf, team=demo.payments, name=name).rule == "grant.known"


def test_a_grant_to_a_group_is_nothing(demo):
    with context(by="system:test"):
        group = Group.objects.create(name="everybody")
        demo.olaf.groups.add(group)
        assign_perm("policies.operate_team", group, demo.payments)
    assert rights(demo.olaf, demo.payments) == set()


def test_the_teams_of_a_person_cost_at_most_three_queries_however_many(demo, django_assert_max_num_queries):
    with context(by="system:test"):
        for n in range(20):
            team = Team.objects.create(
                organisation=demo.payments.organisation, slug=f"t{n}", name=f"T{n}", cost_centre="CC"
            )
            Membership.objects.create(team=team, user=demo.mara, role="developer")
    for person in (demo.mara, demo.ana, demo.olaf):
        for permission in Permission:
            with django_assert_max_num_queries(3):
                list(teams_with(person, permission))


def test_lists_show_what_the_person_may_see_and_nothing_else(demo):
    from tests.provisioning.test_states import operation_in

    operation = operation_in(demo, "succeeded")
    sees = {name for name in TABLE if environments_visible_to(getattr(demo, name)).exists()}
    assert sees == {"vera", "mara", "jonas", "ines", "ana", "pia"}
    assert {name for name in TABLE if operation in operations_visible_to(getattr(demo, name))} == sees
