"""Tokens and sign-in links: never kept in clear, ended by time, by their owner, or by their first use."""

import hashlib
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from policies import tokens
from policies.models import ApiToken, ApiTokenUse, SignInLink, User
from policies.results import Denied
from tests.hostile import everything, together

pytestmark = pytest.mark.django_db


def made(demo, **changes):
    return tokens.create(by=demo.mara, **{"name": "ci", "scopes": ["read"], "days": 30, **changes})


def dump() -> str:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        parts = [f"SELECT t::text FROM {name} t" for name in connection.introspection.table_names(cursor)]
        cursor.execute(" UNION ALL ".join(parts))
        return "\n".join(row[0] for row in cursor.fetchall())


def test_only_the_hash_of_a_token_or_link_is_anywhere_in_the_database(demo):
    token, value = made(demo)
    link = tokens.create_link(by=demo.ines, user=demo.mara)
    found = dump()
    assert value not in found
    assert value[len("berth_") + 8 :] not in found
    assert link not in found
    assert ApiToken.objects.get().hash == hashlib.sha256(value.encode()).hexdigest()
    masked = AuditEvent.objects.get(event="token.inserted").after["hash"]
    assert masked == "•••"
    assert (token.prefix, len(value)) == (value[:12], 49)


def test_a_token_is_found_by_its_value_and_by_nothing_near_it(demo):
    token, value = made(demo)
    assert tokens.find(value) == token
    for other in ("", value[:-1], value + "x", value.upper(), token.hash, token.prefix, value + "\x00"):
        assert tokens.find(other) is None


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"name": " "}, ["name"]),
        ({"name": "x" * 81}, ["name"]),
        ({"scopes": []}, ["scopes"]),
        ({"scopes": ["read", "admin"]}, ["scopes"]),
        ({"days": 0}, ["days"]),
        ({"days": 366}, ["days"]),
        ({"name": "", "scopes": ["*"], "days": -1}, ["name", "scopes", "days"]),
    ],
)
def test_a_wrong_field_makes_no_token_and_says_which(demo, changes, fields):
    before = everything()
    answer = made(demo, **changes)
    assert isinstance(answer, Denied)
    assert [error.field for error in answer.errors] == fields
    assert everything() == before


def test_a_token_ends_by_time(demo):
    token, value = made(demo, days=1)
    with context(by="system:test"):
        ApiToken.objects.update(created_at=timezone.now() - timedelta(days=2), expires_at=timezone.now())
    assert tokens.find(value) is None
    assert not ApiTokenUse.objects.filter(token=token).exists()


def test_a_token_ends_when_its_owner_ends_it_and_only_then(demo):
    token, value = made(demo)
    assert tokens.revoke(by=demo.ines, token=token) is False
    assert tokens.find(value) == token
    assert tokens.revoke(by=demo.mara, token=token) is True
    assert tokens.find(value) is None
    assert tokens.revoke(by=demo.mara, token=token) is False
    assert AuditEvent.objects.filter(event="token.revoked").count() == 1


def test_a_token_of_somebody_who_left_is_nothing(demo):
    _, value = made(demo)
    with context(by="system:test"):
        User.objects.filter(pk=demo.mara.pk).update(is_active=False)
    assert tokens.find(value) is None


def test_the_last_use_is_written_at_most_once_a_minute(demo, django_assert_num_queries):
    _, value = made(demo)
    tokens.find(value)
    first = ApiTokenUse.objects.get().at
    with django_assert_num_queries(1):
        tokens.find(value)
    assert ApiTokenUse.objects.get().at == first


def test_a_link_signs_in_once(demo):
    value = tokens.create_link(by="system:test", user=demo.mara)
    assert tokens.use_link(value) == demo.mara
    assert tokens.use_link(value) is None


def test_a_link_that_is_too_old_or_unknown_signs_nobody_in(demo):
    value = tokens.create_link(by="system:test", user=demo.mara)
    assert SignInLink.objects.get().expires_at - timezone.now() <= tokens.LINK_LIFETIME
    with context(by="system:test"):
        SignInLink.objects.update(expires_at=timezone.now())
    before = everything()
    assert tokens.use_link(value) is None
    assert tokens.use_link("x") is None
    assert everything() == before


def test_a_link_of_somebody_who_left_signs_nobody_in(demo):
    value = tokens.create_link(by="system:test", user=demo.mara)
    with context(by="system:test"):
        User.objects.filter(pk=demo.mara.pk).update(is_active=False)
    assert tokens.use_link(value) is None


@pytest.mark.django_db(transaction=True)
def test_two_who_use_one_link_at_once_do_not_both_get_in(demo):
    value = tokens.create_link(by="system:test", user=demo.mara)
    answers = together(*[lambda: tokens.use_link(value)] * 4)
    assert sorted(answers, key=str) == sorted([demo.mara, None, None, None], key=str)
