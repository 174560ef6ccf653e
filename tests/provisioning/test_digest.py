"""The change digest: golden, the same anywhere and any time, and different as soon as any field differs."""

import locale
import os
import time
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal

import pytest

from provisioning.digest import SCHEMA, ChangeSubject, canonical, change_digest, differences
from provisioning.drivers.base import Change, Plan

GOLDEN = "sha256:311a8f04bff41dc4e689c6f61ea31ffdb4ef904b88dee8414940643613286325"
SUBJECT = ChangeSubject(
    kind="update",
    environment="6f1d2c7e-0d0b-4b7e-9a55-2f6f7a1f0001",
    name="payments-api-prod",
    tier="prod",
    template="sha256:" + "a" * 64,
    parameters={"size": "L", "replicas": 3, "ratio": 0.25, "naïve": "✓", "nested": {"b": [1, 2], "a": None}},
    release="sha256:" + "b" * 64,
    ttl_hours=336,
    rates={"running": "0.050000", "suspended": "0.010000"},
)
PLAN = Plan(
    (
        Change("workload", "change", {"size": "S"}, {"size": "L"}, ("port", "pid")),
        Change("database", "create", None, {"name": "payments_api_prod"}, ()),
    )
)


def test_the_golden_digest_never_changes():
    assert change_digest(SUBJECT, PLAN) == GOLDEN


def test_the_document_under_the_golden_digest_is_exactly_this():
    document = canonical({"schema": SCHEMA, **SUBJECT.document(), "changes": []}).decode()
    assert document == (
        '{"changes":[],"environment":"6f1d2c7e-0d0b-4b7e-9a55-2f6f7a1f0001","kind":"update",'
        '"name":"payments-api-prod","parameters":{"naïve":"✓","nested":{"a":null,"b":[1,2]},"ratio":"0.25",'
        '"replicas":3,"size":"L"},"rates":{"running":"0.050000","suspended":"0.010000"},'
        f'"release":"sha256:{"b" * 64}","schema":"berth.change/1","template":"sha256:{"a" * 64}",'
        '"tier":"prod","ttl_hours":336}'
    )


def test_a_second_later_it_is_the_same():
    time.sleep(1.01)
    assert change_digest(deepcopy(SUBJECT), deepcopy(PLAN)) == GOLDEN


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_in_another_time_zone_it_is_the_same(monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert change_digest(SUBJECT, PLAN) == GOLDEN
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("name", ["C", "C.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8"])
def test_in_another_locale_it_is_the_same(monkeypatch, name):
    monkeypatch.setenv("LANG", name)
    before = locale.setlocale(locale.LC_ALL)
    with suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, name)
    try:
        assert change_digest(SUBJECT, PLAN) == GOLDEN
    finally:
        locale.setlocale(locale.LC_ALL, before)


@pytest.mark.parametrize("language", ["en", "de", "sv"])
def test_in_another_language_of_the_portal_it_is_the_same(language):
    from django.utils import translation

    with translation.override(language):
        assert change_digest(SUBJECT, PLAN) == GOLDEN


def test_in_another_process_with_another_hash_seed_it_is_the_same():
    import subprocess
    import sys

    code = "from tests.provisioning.test_digest import *; print(change_digest(SUBJECT, PLAN))"
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "LANG": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu"}
        found = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        assert found.stdout.strip() == GOLDEN


def test_the_order_of_keys_of_changes_and_of_unknown_leaves_is_no_difference():
    turned = replace(SUBJECT, parameters=dict(reversed(SUBJECT.parameters.items())))
    plan = Plan((PLAN.changes[1], replace(PLAN.changes[0], unknown=("pid", "port"))))
    assert change_digest(turned, plan) == GOLDEN


def test_after_a_reload_of_the_policies_it_is_the_same(db):
    from policies import engine
    from policies.bundle import Bundle

    assert isinstance(engine.use(engine.SHIPPED), Bundle)
    assert change_digest(SUBJECT, PLAN) == GOLDEN


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "deploy"),
        ("environment", "6f1d2c7e-0d0b-4b7e-9a55-2f6f7a1f0002"),
        ("name", "payments-api-stage"),
        ("tier", "stage"),
        ("template", "sha256:" + "c" * 64),
        ("parameters", {**SUBJECT.parameters, "size": "M"}),
        ("parameters", {**SUBJECT.parameters, "extra": None}),
        ("parameters", {**SUBJECT.parameters, "replicas": 4}),
        ("parameters", {**SUBJECT.parameters, "replicas": True}),
        ("parameters", {**SUBJECT.parameters, "ratio": 0.250001}),
        ("parameters", {**SUBJECT.parameters, "nested": {"b": [2, 1], "a": None}}),
        ("parameters", {**SUBJECT.parameters, "nested": {"b": [1, 2], "a": ""}}),
        ("release", "sha256:" + "d" * 64),
        ("release", ""),
        ("ttl_hours", 335),
        ("ttl_hours", None),
        ("rates", {"running": "0.060000", "suspended": "0.010000"}),
        ("rates", {"running": "0.050000", "suspended": "0.020000"}),
    ],
)
def test_any_field_of_the_subject_makes_another_digest(field, value):
    assert change_digest(replace(SUBJECT, **{field: value}), PLAN) != GOLDEN


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("address", "workload2"),
        ("action", "replace"),
        ("before", {"size": "M"}),
        ("before", None),
        ("after", {"size": "XL"}),
        ("after", {}),
        ("unknown", ("port",)),
        ("unknown", ()),
    ],
)
def test_any_field_of_a_change_makes_another_digest(field, value):
    plan = Plan((replace(PLAN.changes[0], **{field: value}), PLAN.changes[1]))
    assert change_digest(SUBJECT, plan) != GOLDEN


def test_a_change_more_or_less_makes_another_digest():
    assert change_digest(SUBJECT, Plan(PLAN.changes[:1])) != GOLDEN
    assert change_digest(SUBJECT, Plan((*PLAN.changes, Change("z", "create")))) != GOLDEN


def test_every_field_of_the_subject_is_in_the_document():
    fields = {"kind", "environment", "name", "tier", "template", "parameters", "release", "ttl_hours", "rates"}
    assert set(SUBJECT.document()) == fields
    assert set(replace(SUBJECT, target="eu-1@sha256:0").document()) == {*fields, "target"}
    assert change_digest(replace(SUBJECT, target="eu-1@sha256:0"), PLAN) != GOLDEN


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, '"0.1"'),
        (1e21, '"1000000000000000000000"'),
        (Decimal("1.50"), '"1.5"'),
        (2**53 - 1, "9007199254740991"),
        (2**53, '"9007199254740992"'),
        (-(2**60), '"-1152921504606846976"'),
        (True, "true"),
        ({"€": "\u2028", "a": "\x00"}, '{"a":"\\u0000","€":"\u2028"}'),
    ],
)
def test_numbers_and_texts_have_one_form(value, text):
    assert canonical(value).decode() == text


def test_what_differs_between_two_plans_is_named():
    def document(subject, plan):
        return {**subject.document(), "changes": [vars(change) for change in plan.changes]}

    before = document(SUBJECT, PLAN)
    after = document(replace(SUBJECT, ttl_hours=1), Plan((replace(PLAN.changes[0], after={"size": "XL"}),)))
    assert differences(before, after) == ["resource database", "resource workload", "ttl hours"]
    assert differences(before, deepcopy(before)) == []
