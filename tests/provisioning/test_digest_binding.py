"""N1: at apply the plan is made again; whatever differs voids the signatures and is named."""

from dataclasses import replace

import pytest
from django.utils import timezone

from audit.context import context
from policies.engine import Finding
from policies.models import Signature
from provisioning import judging
from provisioning.models import Environment, SecretBinding
from provisioning.runs import worker
from tests import noop
from tests.people import make_version
from tests.provisioning.engine import ask, drain
from tests.provisioning.signed import fresh, planned, sign

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_moment")]


@pytest.fixture
def signed(demo):
    """An update of prod that two people signed, not begun yet."""
    made = planned(demo)
    for who in (demo.jonas, demo.tomasz):
        assert sign(who, made)
    drain()
    environment = Environment.objects.get()
    with context(by="system:test"):
        SecretBinding.objects.create(
            environment=environment, team=demo.payments, name="api-key", path="x", version=3, written_at=timezone.now()
        )
    operation = ask(demo, environment, "update", arguments={"parameters": {"size": "L"}})
    drain()
    for who in (demo.jonas, demo.tomasz):
        assert sign(who, fresh(operation))
    return fresh(operation)


def parameters(demo, signed):
    type(signed).objects.filter(pk=signed.pk).update(arguments={"parameters": {"size": "M", "greeting": "hello"}})


def template_version(demo, signed):
    Environment.objects.update(template_version=make_version(digest="sha256:" + "b" * 64, number="1.1.0"))


def resources(demo, signed):
    noop.WORLD[str(signed.environment_id)]["thing"]["running"] = False


def cost(demo, signed):
    Environment.objects.update(rate_running="0.07")


def secret_version(demo, signed):
    SecretBinding.objects.update(version=4)


def release(demo, signed):
    Environment.objects.update(release={"version": "2.0.0", "digest": "sha256:" + "d" * 64})


CHANGES = {
    parameters: "resource thing, parameter size",
    template_version: "template version",
    resources: "resource thing",
    cost: "cost",
    secret_version: "secret version api-key",
    release: "resource thing, release",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_n1_what_changed_after_signing_voids_it_and_is_named(demo, signed, change):
    with context(by="system:test"):
        change(demo, signed)
    assert worker.work()
    now, words = fresh(signed), f"The plan changed: {CHANGES[change]}."
    assert (now.status, now.blocked) == ("awaiting_approval", words)
    assert now.change_digest != signed.change_digest
    rows = Signature.objects.filter(subject=signed.ref)
    assert [row.void_reason for row in rows] == [words] * 2
    assert noop.CALLS["apply thing"] == 1
    for who in (demo.jonas, demo.tomasz):
        assert sign(who, now)
    assert worker.work()
    assert fresh(signed).status == "succeeded"


def other_bundle(monkeypatch, *rules):
    """As if a bundle were activated that warns by these rules."""
    real = judging.judge

    def judge(point, facts, **more):
        ruling = real(point, facts, **more)
        new = tuple(Finding(rule, "warn", "", None, "m", "f", "w") for rule in rules)
        return replace(ruling, findings=(*ruling.findings, *new), bundle="sha256:new")

    monkeypatch.setattr(judging, "judge", judge)


def test_n1_a_policy_bundle_that_finds_more_voids_it_and_is_named(demo, signed, monkeypatch):
    other_bundle(monkeypatch, "env.region")
    assert worker.work()
    words = "The plan changed: policy bundle (now env.region)."
    assert (fresh(signed).status, fresh(signed).blocked) == ("awaiting_approval", words)
    assert {row.void_reason for row in Signature.objects.filter(subject=signed.ref)} == {words}
    for who in (demo.jonas, demo.tomasz):
        assert sign(who, fresh(signed))
    assert worker.work()
    assert fresh(signed).status == "succeeded"


def test_n1_a_policy_bundle_that_finds_the_same_keeps_the_signatures(demo, signed, monkeypatch):
    other_bundle(monkeypatch)
    assert worker.work()
    assert fresh(signed).status == "succeeded"


def test_n1_nothing_changed_and_the_signatures_hold(demo, signed):
    assert worker.work()
    assert fresh(signed).status == "succeeded"
    assert not Signature.objects.exclude(voided_at=None).exists()
