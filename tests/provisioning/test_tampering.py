"""Raw SQL as the app's role against signatures, operations, plans, decisions, history and fences."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit.context import context
from policies.approvals import plain
from policies.models import Signature
from provisioning.actions.sign import approve
from provisioning.models import Operation, OperationLease, OperationLog
from provisioning.runs import worker
from tests import noop, people
from tests.hostile import everything, sqlstate
from tests.provisioning.engine import drain, requested

pytestmark = pytest.mark.django_db

DENIED = "42501"
NEED = plain(signatures=2, team="payments", owning_team=1, also_from=["reliability"])
SIGN = """
INSERT INTO policies_signature
    (subject, digest, team_id, signer_id, requester_id, on_behalf_of_id, step, verdict, owning, reason, context, at,
     void_reason, groups)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'approve', true, '', '{}', now(), '', '{}')
"""


def written(demo, status: str, **fields) -> Operation:
    """A creation in prod in this status, without an engine: plan, digest and needed signatures are there."""
    environment = people.environment(demo, "payments-api-prod", "prod", fence=7)
    with context(by="system:test"):
        return Operation.objects.create(
            kind="create",
            environment=environment,
            team=demo.payments,
            tier="prod",
            requester=demo.mara,
            status=status,
            plan={"changes": []},
            change_digest="sha256:" + "1" * 64,
            arguments={"parameters": {}},
            approval=NEED.as_json(),
            asked=["team:payments", "team:reliability"],
            signatures_needed=2,
            owning_needed=1,
            **fields,
        )


@pytest.fixture
def waiting(demo) -> Operation:
    """A creation in prod that waits for signatures, one of which is given."""
    operation = written(demo, "awaiting_approval")
    assert approve(by=demo.jonas, operation=operation, digest=operation.change_digest)
    return Operation.objects.get(pk=operation.pk)


@pytest.fixture
def locked(demo) -> Operation:
    """An operation that runs under its locked plan."""
    operation = written(demo, "running", plan_locked_at=timezone.now())
    OperationLog.objects.create(operation=operation, line="Made it")
    return operation


def refused(statement: str, params=(), state: str = DENIED) -> None:
    before = everything()
    assert sqlstate(statement, params) == state, statement
    assert everything() == before


def signature(operation, **changes):
    fields = {
        "subject": operation.ref,
        "digest": operation.change_digest,
        "team": operation.team_id,
        "signer": operation.requester_id,
        "requester": operation.requester_id,
        "on_behalf_of": None,
        "step": "1:Approval",
    }
    return list({**fields, **changes}.values())


def test_the_tests_speak_as_the_role_of_the_app(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, session_user, rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == ("berth_app", "berth_app", False)


def test_a_true_signature_by_raw_sql_would_pass_so_the_refusals_below_mean_something(waiting, demo):
    assert sqlstate(SIGN, signature(waiting, signer=demo.tomasz.pk)) == ""


def test_the_requester_cannot_sign_by_raw_sql(waiting):
    refused(SIGN, signature(waiting), "23514")


def test_a_requester_is_not_hidden_behind_a_forged_one(waiting, demo):
    refused(SIGN, signature(waiting, requester=demo.vera.pk))


def test_a_signature_for_another_digest_is_refused(waiting, demo):
    refused(SIGN, signature(waiting, signer=demo.tomasz.pk, digest="sha256:" + "0" * 64))


def test_a_signature_for_another_team_is_refused(waiting, demo):
    refused(SIGN, signature(waiting, signer=demo.tomasz.pk, team=demo.reliability.pk))


def test_a_signature_for_an_operation_that_is_not_there_is_refused(waiting, demo):
    other = "operation:00000000-0000-0000-0000-000000000000"
    refused(SIGN, signature(waiting, signer=demo.tomasz.pk, subject=other))


def test_a_second_signature_of_the_same_person_is_refused(waiting, demo):
    refused(SIGN, signature(waiting, signer=demo.jonas.pk), "23505")


def test_a_signature_after_the_decision_is_refused(locked, demo):
    refused(SIGN, signature(locked, signer=demo.tomasz.pk))


SIGNATURE_CHANGES = [
    "verdict = 'reject', reason = 'x'",
    "signer_id = %(other)s",
    "requester_id = %(other)s",
    "digest = 'sha256:0'",
    "subject = 'operation:0'",
    "owning = NOT owning",
    "team_id = %(team)s",
    "at = now()",
    "context = '{}'",
    "reason = 'other'",
    "step = '1:Other'",
    "groups = '{x}'",
    "on_behalf_of_id = %(other)s",
]


def test_no_field_of_a_signature_changes(waiting, demo):
    params = {"other": demo.vera.pk, "team": demo.reliability.pk}
    for change in SIGNATURE_CHANGES:
        refused(f"UPDATE policies_signature SET {change}", params)


def test_a_signature_is_voided_once_and_never_stands_again(waiting):
    assert sqlstate("UPDATE policies_signature SET voided_at = now(), void_reason = 'plan changed'") == ""
    with context(by="system:test"):
        Signature.objects.update(voided_at=waiting.created_at, void_reason="plan changed")
    refused("UPDATE policies_signature SET voided_at = NULL")
    refused("UPDATE policies_signature SET void_reason = 'no matter'")
    refused("UPDATE policies_signature SET voided_at = now()")


@pytest.mark.parametrize(
    "table",
    ["policies_signature", "policies_decision", "audit_event", "provisioning_operation", "provisioning_environment"],
)
def test_what_is_evidence_is_neither_deleted_nor_truncated(waiting, table):
    refused(f"DELETE FROM {table}")
    refused(f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize("table", ["provisioning_operationlog"])
def test_the_log_only_grows(locked, table):
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}", f"UPDATE {table} SET line = 'x'"):
        refused(statement)


IDENTITY_CHANGES = [
    "requester_id = %(other)s",
    "requester_id = NULL",
    "kind = 'destroy'",
    "environment_id = gen_random_uuid()",
    "team_id = %(team)s",
    "origin = 'schedule'",
    "tier = 'dev'",
    "id = gen_random_uuid()",
]


def test_who_asked_for_what_never_changes(waiting, demo):
    params = {"other": demo.vera.pk, "team": demo.reliability.pk}
    for change in IDENTITY_CHANGES:
        refused(f"UPDATE provisioning_operation SET {change}", params)


PLAN_CHANGES = [
    "plan = '{}'",
    "plan = NULL",
    "change_digest = 'sha256:0'",
    "arguments = '{}'",
    "plan_locked_at = NULL",
    "plan_locked_at = now()",
    "signatures_needed = 7",
    "owning_needed = 7",
    "approval = '{\"signatures\": 0}'",
]


def test_a_locked_plan_and_what_it_was_signed_under_never_change(locked):
    for change in PLAN_CHANGES:
        refused(f"UPDATE provisioning_operation SET {change}")


def test_decisions_are_kept_as_written(waiting):
    refused("UPDATE policies_decision SET allowed = NOT allowed")
    refused("UPDATE policies_decision SET findings = '[]'")


HISTORY_WRITES = [
    "UPDATE audit_event SET actor = 'user:1'",
    "UPDATE audit_event SET at = now()",
    "INSERT INTO audit_event (epoch, source, event, actor) VALUES (1, 'event', 'x', 'user:1')",
    "INSERT INTO audit_epoch (epoch, reason) VALUES (9, 'x')",
    "DELETE FROM audit_epoch",
    "DROP TABLE audit_event",
    "ALTER TABLE audit_event DISABLE TRIGGER ALL",
    "SELECT audit.begin_epoch('x')",
]


def test_the_history_is_not_written_around_its_door(waiting):
    for statement in HISTORY_WRITES:
        refused(statement)


SWITCHES = [
    "ALTER TABLE policies_signature DISABLE TRIGGER ALL",
    "ALTER TABLE provisioning_operation DISABLE TRIGGER USER",
    "DROP TRIGGER requester_stays ON provisioning_operation",
    "CREATE OR REPLACE FUNCTION provisioning_requester_stays() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN RETURN NEW; END'",
    "ALTER TABLE policies_signature DROP CONSTRAINT signer_is_not_requester",
    "SET LOCAL session_replication_role = 'replica'",
    "SET LOCAL ROLE berth_owner",
    "SET LOCAL ROLE berth_audit",
    "SET SESSION AUTHORIZATION berth_owner",
    "ALTER ROLE berth_app SUPERUSER",
    "CREATE FUNCTION public.evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE public.evil (id int)",
    "COPY policies_team TO PROGRAM 'true'",
]


def test_the_guards_cannot_be_switched_off_by_the_app(waiting):
    for statement in SWITCHES:
        refused(statement)


def test_a_fence_never_falls(locked):
    refused("UPDATE provisioning_environment SET fence = fence - 1")
    with context(by="system:test"):
        OperationLease.objects.create(operation=locked, holder="w", fence=9, expires_at=locked.created_at)
    refused("UPDATE provisioning_operationlease SET fence = 8")
    refused("SELECT setval('provisioning_fence', 1)")


def test_nothing_is_written_without_a_context(waiting):
    before = everything()
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE policies_team SET name = 'x'")
    assert caught.value.__cause__.sqlstate == DENIED
    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_a_plan_swapped_under_its_digest_is_not_what_is_carried_out(demo):
    """The digest says one thing, the row another: what runs is what was compared with the digest."""
    operation = requested(demo)
    assert worker.work()
    with context(by="system:attacker"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE provisioning_operation SET plan = jsonb_set(plan, '{changes,0,after,parameters,size}', '\"L\"')"
        )
    drain()
    operation.refresh_from_db()
    assert noop.WORLD[str(operation.environment_id)]["thing"]["parameters"]["size"] == "S"
    assert operation.status == "succeeded"
    assert operation.plan["changes"][0]["after"]["parameters"]["size"] == "S"


@pytest.mark.django_db(transaction=True)
def test_lowering_what_an_operation_needs_does_not_save_a_signature(demo):
    """The claim asks the rules again, so a lowered number sends the operation back to its signers."""
    waiting = requested(demo, name="payments-api-prod", tier="prod")
    drain()
    with context(by="system:attacker"), connection.cursor() as cursor:
        cursor.execute("UPDATE provisioning_operation SET signatures_needed = 0, owning_needed = 0, status = 'queued'")
    drain()
    waiting.refresh_from_db()
    assert (waiting.status, waiting.signatures_needed, waiting.environment.status) == (
        "awaiting_approval",
        2,
        "requested",
    )
