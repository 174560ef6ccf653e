"""The operation engine with a driver over a dictionary: what it does, and that it neither loses nor doubles."""

import pytest

from policies.models import Decision, Signature
from policies.results import Denied
from provisioning.actions.sign import approve, reject
from provisioning.drivers.base import DriverRejected, DriverUnavailable
from provisioning.models import Environment, Operation, OperationStep, Orphan
from tests import noop
from tests.provisioning.engine import ask, drain, lapse, ready, requested

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_request_below_prod_is_made_without_a_signature(demo):
    operation = requested(demo)
    assert drain() == 2
    operation.refresh_from_db()
    assert (operation.status, operation.signatures_needed) == ("succeeded", 0)
    assert operation.environment.status == "ready"
    assert noop.CALLS == {"apply thing": 1}
    assert operation.environment.outputs == {"url": "http://payments-api-dev.localhost"}
    assert (operation.environment.expires_at - operation.environment.ready_at).days == 14


def test_prod_waits_for_two_signatures_and_one_is_not_enough(demo):
    operation = requested(demo, name="payments-api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    assert operation.status == "awaiting_approval"
    assert approve(by=demo.jonas, operation=operation, digest=operation.change_digest)
    assert drain() == 0
    assert approve(by=demo.tomasz, operation=operation, digest=operation.change_digest)
    assert drain() == 1
    operation.refresh_from_db()
    assert operation.status == "succeeded"


def test_two_signatures_of_another_team_are_not_enough(demo):
    from audit.context import context
    from policies.models import Membership
    from tests.people import user

    with context(by="system:test"):
        nadia = user("nadia")
        Membership.objects.create(team=demo.reliability, user=nadia, role="approver")
    operation = requested(demo, name="payments-api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    for signer in (demo.tomasz, nadia):
        assert approve(by=signer, operation=operation, digest=operation.change_digest)
    operation.refresh_from_db()
    assert (operation.status, drain()) == ("awaiting_approval", 0)


def test_the_requester_cannot_sign_even_as_owner(demo):
    operation = requested(demo, name="payments-api-prod", tier="prod", by=demo.ines)
    drain()
    operation.refresh_from_db()
    before = Decision.objects.count()
    answer = approve(by=demo.ines, operation=operation, digest=operation.change_digest)
    assert isinstance(answer, Denied)
    assert answer.reason == "You asked for this, so you cannot sign it."
    assert (Signature.objects.count(), Decision.objects.count() - before) == (0, 1)


def test_a_rejection_ends_it_and_frees_name_and_quota(demo):
    operation = requested(demo, name="payments-api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    assert reject(by=demo.jonas, operation=operation, digest=operation.change_digest, reason="No load evidence")
    operation.refresh_from_db()
    assert (operation.status, operation.environment.status) == ("rejected", "destroyed")
    assert demo.payments.reservations.filter(released_at=None).count() == 0
    requested(demo, name="payments-api-prod", tier="prod")


def test_a_signature_for_an_older_plan_is_refused(demo):
    operation = requested(demo, name="payments-api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    answer = approve(by=demo.jonas, operation=operation, digest="sha256:" + "0" * 64)
    assert isinstance(answer, Denied)
    assert (answer.rule, answer.status, Signature.objects.count()) == ("approval.digest", 409, 0)


def test_a_plan_that_changed_after_signing_voids_the_signatures_and_says_what(demo):
    environment = _signed_prod(demo)
    operation = ask(demo, environment, "update", arguments={"parameters": {"size": "L"}})
    drain()
    operation.refresh_from_db()
    for signer in (demo.jonas, demo.tomasz):
        assert approve(by=signer, operation=operation, digest=operation.change_digest)
    noop.WORLD[str(environment.pk)]["thing"]["running"] = False
    drain()
    operation.refresh_from_db()
    assert (operation.status, operation.blocked) == ("awaiting_approval", "The plan changed: resource thing.")
    assert list(operation_signatures(operation)) == ["The plan changed: resource thing."] * 2


def operation_signatures(operation):
    rows = Signature.objects.filter(subject=operation.ref).exclude(voided_at=None)
    return rows.values_list("void_reason", flat=True)


def _signed_prod(demo) -> Environment:
    operation = requested(demo, name="payments-api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    for signer in (demo.jonas, demo.tomasz):
        assert approve(by=signer, operation=operation, digest=operation.change_digest)
    drain()
    return Environment.objects.get(pk=operation.environment_id)


def test_f1_a_failed_creation_is_undone_in_reverse_and_leaves_nothing(demo):
    noop.STEPS[:] = ["a", "b", "c"]
    noop.TROUBLE["c"] = [DriverRejected("Namespace quota of 4 vCPU is full.")]
    operation = requested(demo)
    drain()
    operation.refresh_from_db()
    assert (operation.status, operation.error) == ("rolled_back", "Namespace quota of 4 vCPU is full.")
    assert noop.WORLD[str(operation.environment_id)] == {}
    assert operation.environment.status == "destroyed"
    assert [s.status for s in operation.steps.all()] == ["undone", "undone", "undone"]
    assert list(noop.CALLS) == ["apply a", "apply b", "apply c", "undo c", "undo b", "undo a"]


def test_f1_what_cannot_be_removed_stands_in_the_orphan_ledger(demo):
    noop.STEPS[:] = ["a", "b"]
    noop.TROUBLE.update({"b": [DriverRejected("No.")], "undo a": [DriverRejected("It is in use.")]})
    operation = requested(demo)
    drain()
    operation.refresh_from_db()
    assert operation.status == "failed"
    assert {(o.address, o.removed_at) for o in Orphan.objects.all()} == {("a", None)}


def test_an_unreachable_target_is_tried_again_later(demo):
    noop.TROUBLE["thing"] = [DriverUnavailable("Vault is sealed.")]
    operation = requested(demo)
    drain()
    operation.refresh_from_db()
    assert operation.status == "running"
    assert operation.blocked.startswith("Vault is sealed. Next try in ")
    Operation.objects.filter(pk=operation.pk).update  # noqa: B018
    _due_now(operation)
    drain()
    operation.refresh_from_db()
    assert (operation.status, noop.CALLS["apply thing"]) == ("succeeded", 2)


def _due_now(operation):
    from audit.context import context

    with context(by="system:test"):
        Operation.objects.filter(pk=operation.pk).update(not_before=None)


def test_a_lapsed_operation_goes_on_where_it_stood_and_repeats_nothing(demo):
    noop.STEPS[:] = ["a", "b"]
    noop.TROUBLE["b"] = [DriverUnavailable("gone")]
    operation = requested(demo)
    drain()
    _due_now(operation)
    drain()
    operation.refresh_from_db()
    assert operation.status == "succeeded"
    assert noop.CALLS == {"apply a": 1, "apply b": 2}


def test_a_second_worker_cannot_claim_what_is_held(demo):
    from provisioning.runs.worker import take

    requested(demo)
    first = take()
    assert first is not None
    assert take() is None


def test_an_old_owner_cannot_record_after_its_fence_is_outdated(demo):
    from audit.context import context
    from provisioning.lifecycle import move
    from provisioning.runs.worker import take

    operation = requested(demo)
    first = take()
    lapse(operation)
    second = take()
    assert second.fence > first.fence
    operation.refresh_from_db()
    with context(by="system:test"):
        assert move(operation, "queued", fence=first.fence) is False
        assert move(operation, "queued", fence=second.fence) is True


def test_suspend_resume_and_destroy_follow_each_other(demo):
    environment = ready(demo)
    for kind, status in [("suspend", "suspended"), ("resume", "ready"), ("destroy", "destroyed")]:
        ask(demo, environment, kind)
        drain()
        environment.refresh_from_db()
        assert environment.status == status
    assert noop.WORLD[str(environment.pk)] == {}
    assert OperationStep.objects.filter(operation__environment=environment).count() == 4


def test_two_operations_on_one_environment_never_run_at_once(demo):
    from provisioning.runs.worker import take

    environment = ready(demo)
    for size in ("M", "L"):
        ask(demo, environment, "update", arguments={"parameters": {"size": size}})
    for _ in range(2):
        from provisioning.runs.worker import work

        assert work()
    assert take() is not None
    assert take() is None
