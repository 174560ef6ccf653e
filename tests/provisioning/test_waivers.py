"""Waivers in the life of an operation: at request, plan and claim, and of what runs when one ended."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent, OutboxEvent
from policies import waiving
from policies.models import Decision, Signature, Waiver
from policies.results import Denied
from provisioning.actions.change import Ask, submit
from provisioning.actions.request import request_environment
from provisioning.actions.sign import approve
from provisioning.models import Environment, Operation
from provisioning.runs import lapsed
from tests import noop, people
from tests.policies.waived import RULE, SOFT, asked, blocked, granted
from tests.provisioning.engine import drain, requested, wanted
from tests.provisioning.test_states import environment_in

pytestmark = pytest.mark.django_db(transaction=True)
LONG = 61 * 24
MONTH = 31 * 24


def _now(demo, **changes):
    return granted(demo, now=timezone.now(), **changes)


def _refused(demo, **changes):
    answer = request_environment(by=demo.mara, wanted=wanted(demo, **changes))
    assert isinstance(answer, Denied), answer
    return answer


def _severities(operation, point):
    row = Decision.objects.get(subject=operation.ref, point=point)
    return {finding["rule"]: (finding["severity"], finding["waiver"]) for finding in row.findings}


def _past(waiver):
    """As if the time of a granted waiver were over now: the database takes no other way to change it."""
    with context(by="system:test"):
        waiving.end_due(now=waiver.expires_at)


def test_row81_a_waiver_lets_a_request_pass_at_every_point_and_stays_in_each_decision(demo):
    assert _refused(demo, ttl_hours=LONG).rule == RULE
    waiver = _now(demo)
    operation = requested(demo, ttl_hours=LONG)
    drain()
    operation.refresh_from_db()
    assert operation.status == "succeeded"
    for point in ("request", "plan"):
        assert _severities(operation, point) == {RULE: ("waived", waiver.pk)}
    assert (operation.context["waived"], operation.context["warnings"]) == ([RULE], [])


def test_row79_a_soft_finding_refuses_until_somebody_who_may_overrides_this_one_request(demo):
    denied = _refused(demo, tier="preview", ttl_hours=MONTH)
    (error,) = denied.errors
    assert (denied.rule, error.value, error.owner) == (SOFT, MONTH, "The owners of the team")
    request = error.ask[0]
    assert request.startswith(f"request:{demo.mara.pk}:payments:")
    waiver = _now(demo, by="ines", rule=SOFT, scope=request, label="payments-api-dev", days=7)
    assert _refused(demo, tier="preview", ttl_hours=MONTH, name="payments-api-other").rule == SOFT
    operation = requested(demo, tier="preview", ttl_hours=MONTH)
    drain()
    operation.refresh_from_db()
    waiver.refresh_from_db()
    assert (operation.status, waiver.operation) == ("succeeded", operation.ref)
    assert _severities(operation, "plan")[SOFT] == ("waived", waiver.pk)


def test_an_override_asked_for_only_changes_nothing(demo):
    request = _refused(demo, tier="preview", ttl_hours=MONTH).errors[0].ask[0]
    asked(demo, now=timezone.now(), rule=SOFT, scope=request, label="payments-api-dev", days=7)
    assert _refused(demo, tier="preview", ttl_hours=MONTH).rule == SOFT
    assert not Operation.objects.exists()


def test_an_override_is_used_up_by_its_operation(demo):
    request = _refused(demo, tier="preview", ttl_hours=MONTH).errors[0].ask[0]
    _now(demo, by="ines", rule=SOFT, scope=request, label="payments-api-dev", days=7)
    operation = requested(demo, tier="preview", ttl_hours=MONTH)
    drain()
    assert submit(by=demo.mara, ask=Ask(Environment.objects.get(), "destroy"))
    drain()
    assert Environment.objects.get().status == "destroyed"
    assert _refused(demo, tier="preview", ttl_hours=MONTH).rule == SOFT
    assert Operation.objects.filter(kind="create").get() == operation


def _signed_prod(demo):
    """A prod change under a waiver, signed by both and not yet begun."""
    with context(by="system:test"):
        ttl = {"prod": {"default": "14d", "max": "60d"}}
        version = people.make_version(number="1.1.0", digest="sha256:" + "c" * 64, ttl=ttl)
    operation = requested(demo, name="payments-api-prod", tier="prod", ttl_hours=LONG, version=version)
    drain()
    operation.refresh_from_db()
    for signer in (demo.jonas, demo.tomasz):
        assert approve(by=signer, operation=operation, digest=operation.change_digest)
    return operation


def test_what_was_signed_under_a_waiver_that_lives_runs(demo):
    _now(demo)
    operation = _signed_prod(demo)
    drain()
    operation.refresh_from_db()
    assert (operation.status, operation.environment.status) == ("succeeded", "ready")


def test_a_waiver_that_ended_between_signature_and_claim_voids_and_names_the_rule(demo):
    waiver = _now(demo)
    operation = _signed_prod(demo)
    _past(waiver)
    drain()
    operation.refresh_from_db()
    assert (operation.status, operation.error[:44]) == ("failed", "The waiver of the rule env.ttl_maximum ended")
    voided = Signature.objects.filter(subject=operation.ref, voided_at__isnull=False)
    assert {row.void_reason for row in voided} == {operation.error}
    assert (voided.count(), noop.CALLS) == (2, {})
    assert _severities(operation, "claim")[RULE] == ("block", None)


def test_what_runs_on_a_waiver_that_ended_is_judged_again_and_told_once(demo):
    waiver = _now(demo)
    operation = requested(demo, ttl_hours=LONG)
    drain()
    other = environment_in(demo, "ready", name="payments-api-two")
    end = waiver.expires_at
    assert lapsed.sweep(end) == {"reminded": 0, "ended": 1, "found": 1}
    assert lapsed.sweep(end + timedelta(hours=1)) == {"reminded": 0, "ended": 0, "found": 0}
    ref = operation.environment.ref
    decision = Decision.objects.get(subject=ref, point="running")
    assert [(f["rule"], f["severity"]) for f in decision.findings] == [(RULE, "block")]
    message = OutboxEvent.objects.get(topic="environment.waiver_ended")
    assert (message.object, message.payload["waiver"]) == (ref, waiver.pk)
    assert AuditEvent.objects.filter(event="environment.waiver_ended", object=ref).count() == 1
    assert not Decision.objects.filter(subject=other.ref, point="running").exists()
    assert Environment.objects.get(pk=operation.environment_id).status == "ready"


def test_while_the_rules_do_not_answer_what_ran_on_a_waiver_is_asked_about_again(demo, monkeypatch):
    waiver = _now(demo)
    requested(demo, ttl_hours=LONG)
    drain()
    with monkeypatch.context() as patched:
        patched.setattr("provisioning.judging.judge", lambda *_, **__: blocked("policy.engine"))
        assert lapsed.sweep(waiver.expires_at) == {"reminded": 0, "ended": 1, "found": 0}
    assert lapsed.sweep(waiver.expires_at) == {"reminded": 0, "ended": 0, "found": 1}


def test_what_keeps_to_the_rule_by_then_or_has_another_waiver_is_not_told_of(demo):
    waiver = _now(demo)
    requested(demo, ttl_hours=LONG)
    drain()
    _now(demo, scope="team:payments", label="Payments", days=90)
    assert lapsed.sweep(waiver.expires_at) == {"reminded": 0, "ended": 1, "found": 0}
    assert not OutboxEvent.objects.filter(topic="environment.waiver_ended").exists()


def test_an_override_that_ends_leaves_what_it_let_through_alone(demo):
    request = _refused(demo, tier="preview", ttl_hours=MONTH).errors[0].ask[0]
    waiver = _now(demo, by="ines", rule=SOFT, scope=request, label="payments-api-dev", days=7)
    requested(demo, tier="preview", ttl_hours=MONTH)
    drain()
    assert lapsed.sweep(waiver.expires_at) == {"reminded": 0, "ended": 1, "found": 0}
    assert Waiver.objects.get().state == "ended"
