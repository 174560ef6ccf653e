"""The state backend as the binary speaks to it: tokens, lock, fence, encryption, history. No binary is needed here."""

import base64
import json
import uuid

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from provisioning.actions.terraform import break_lock
from provisioning.drivers.base import LeaseLost
from provisioning.drivers.terraform import state, viewer
from provisioning.models import OperationLease, TerraformState, TerraformStateVersion
from tests.provisioning.engine import requested
from tests.terraform import stage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.servers]

CANARY = "canary-Zq83-in-a-state"


def body(serial: int = 1, lineage: str = "aaaa", secret: str = CANARY) -> bytes:
    resource = {
        "mode": "managed",
        "type": "berth_database",
        "name": "main",
        "provider": 'provider["providers.invalid/tests/berth"]',
        "instances": [{"attributes": {"password": secret}}],
    }
    return json.dumps({"version": 4, "serial": serial, "lineage": lineage, "resources": [resource]}).encode()


class Caller:
    """What the binary does, request by request, with one token."""

    def __init__(self, environment, token):
        self.address, self.token = f"/api/terraform/state/{environment.pk}/", token

    def ask(self, method, content=b"", query=""):
        basic = base64.b64encode(f"run:{self.token}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        return Client().generic(method, self.address + query, content, "application/json", headers=headers)

    def lock(self, name="one"):
        return self.ask("LOCK", json.dumps({"ID": name, "Who": f"{name}@host", "Operation": "Apply"}).encode())

    def save(self, content, name="one"):
        return self.ask("POST", content, f"?ID={name}")

    def unlock(self, name="one"):
        return self.ask("UNLOCK", json.dumps({"ID": name}).encode())


@pytest.fixture
def operation(demo):
    return requested(demo)


@pytest.fixture
def caller(operation):
    with state.run(str(operation.environment_id), seconds=60, by=_by(operation)) as token:
        yield Caller(operation.environment, token)


def _by(operation, fence=None):
    return state.Fenced(str(operation.pk), stage.lease(operation, fence))


def test_a_state_is_kept_and_given_back_as_it_was(caller):
    assert caller.ask("GET").status_code == 204
    assert caller.lock().status_code == 200
    assert caller.save(body()).status_code == 200
    assert caller.unlock().status_code == 200
    answer = caller.ask("GET")
    assert (answer.status_code, answer.content, answer["Cache-Control"]) == (200, body(), "no-store")


def test_a_state_at_rest_cannot_be_read_without_vault(caller, operation):
    caller.lock()
    caller.save(body())
    kept = TerraformStateVersion.objects.get()
    assert kept.body.startswith("vault:v1:")
    assert CANARY not in json.dumps([*map(str, TerraformStateVersion.objects.values_list()), kept.digest])
    assert state.load(operation.environment_id) == body()


def test_a_state_moved_to_another_environment_cannot_be_read(caller, operation, demo):
    caller.lock()
    caller.save(body())
    other = requested(demo, name="payments-api-other").environment
    TerraformStateVersion.objects.update(environment=other)
    with pytest.raises(Exception, match="Vault refused transit"):
        state.load(other.pk)


def test_only_the_token_of_this_environment_opens_it(caller, operation, demo):
    other = requested(demo, name="payments-api-other").environment
    with state.run(str(other.pk), seconds=60) as foreign:
        assert Caller(operation.environment, foreign).ask("GET").status_code == 401
    assert Caller(operation.environment, "berth_guessed").ask("GET").status_code == 401
    assert Client().get(caller.address).status_code == 401


def test_a_token_ends_with_its_run_and_with_its_time(operation):
    with state.run(str(operation.environment_id), seconds=60) as token:
        caller = Caller(operation.environment, token)
        assert caller.ask("GET").status_code == 204
    assert caller.ask("GET").status_code == 401
    with state.run(str(operation.environment_id), seconds=-1) as token:
        assert Caller(operation.environment, token).ask("GET").status_code == 401


def test_a_run_that_only_plans_cannot_write(operation):
    with state.run(str(operation.environment_id), seconds=60) as token:
        caller = Caller(operation.environment, token)
        assert (caller.lock().status_code, caller.save(body()).status_code) == (403, 403)
    assert not TerraformStateVersion.objects.exists()


def test_without_the_lock_nothing_is_written(caller):
    assert caller.save(body()).status_code == 423
    caller.lock("one")
    assert caller.save(body(), "another").status_code == 423
    assert not TerraformStateVersion.objects.exists()


def test_a_second_run_is_told_who_holds_the_lock(caller, operation, demo):
    other = requested(demo, name="payments-api-other")
    caller.lock("one")
    with state.run(str(operation.environment_id), seconds=60, by=_by(other, 8)) as token:
        answer = Caller(operation.environment, token).lock("two")
    assert (answer.status_code, answer.json()["Who"]) == (423, "one@host")
    assert TerraformState.objects.get().lock_id == "one"


def test_an_outdated_owner_can_neither_write_nor_lock(caller, operation):
    caller.lock()
    stage.lease(operation)
    assert caller.save(body()).status_code == 409
    assert caller.lock("again").status_code == 409
    assert not TerraformStateVersion.objects.exists()


def test_an_older_fence_is_not_let_in_again(operation, demo):
    late = state.Fenced("not-an-operation", 5)
    with state.run(str(operation.environment_id), seconds=60, by=_by(operation)):
        pass
    with pytest.raises(LeaseLost), state.run(str(operation.environment_id), seconds=60, by=late):
        pass


def test_the_next_owner_takes_the_lock_of_one_that_died(caller, operation):
    caller.lock("dead")
    with state.run(str(operation.environment_id), seconds=60, by=_by(operation)) as token:
        assert Caller(operation.environment, token).lock("next").status_code == 200
    assert TerraformState.objects.get().lock_id == "next"
    assert AuditEvent.objects.filter(event="state.lock_taken_over").count() == 1


def test_a_state_that_somebody_else_wrote_meanwhile_is_not_overwritten(caller):
    caller.lock()
    caller.save(body(serial=5))
    assert caller.save(body(serial=4)).status_code == 409
    assert caller.save(body(serial=6, lineage="bbbb")).status_code == 409
    assert [version.serial for version in TerraformStateVersion.objects.all()] == [5]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"no json", b'{"serial": "x", "lineage": "y"}'])
def test_what_is_no_state_is_refused(caller, content):
    caller.lock()
    assert caller.save(content).status_code == 400


def test_the_history_keeps_every_version_and_the_newest_bodies(caller, operation, monkeypatch):
    monkeypatch.setattr(state, "KEPT_BODIES", 2)
    caller.lock()
    for serial in (1, 2, 3):
        caller.save(body(serial))
    kept = viewer.versions(operation.environment)
    assert [(v.serial, v.operation, bool(v.body)) for v in kept] == [
        (3, str(operation.pk), True),
        (2, str(operation.pk), True),
        (1, str(operation.pk), False),
    ]
    assert len({version.digest for version in kept}) == 3


def test_the_viewer_shows_addresses_and_no_value(caller, operation):
    caller.lock()
    caller.save(body())
    lines = viewer.lines(operation.environment)
    assert [(line.address, line.type, line.provider) for line in lines] == [
        ("berth_database.main", "berth_database", "berth")
    ]
    assert CANARY not in str(lines)


def _asleep(operation):
    """Its worker died."""
    OperationLease.objects.filter(operation=operation).update(expires_at=timezone.now())


def test_a_lock_is_broken_with_a_reason_by_who_may(caller, operation, demo):
    caller.lock()
    _asleep(operation)
    for person in (demo.mara, demo.vera, demo.jonas):
        assert break_lock(by=person, environment=operation.environment, reason="It is gone").status == 403
    assert break_lock(by=demo.pia, environment=operation.environment, reason="so").rule == "state.reason"
    assert TerraformState.objects.get().lock_id == "one"
    assert break_lock(by=demo.pia, environment=operation.environment, reason="Its host burnt down")
    assert TerraformState.objects.get().lock_id == ""
    event = AuditEvent.objects.get(event="state.lock_broken")
    assert (event.actor, event.reason) == (demo.pia.audit_ref, "Its host burnt down")
    assert caller.save(body()).status_code == 423


def test_the_lock_of_a_living_worker_is_not_broken(caller, operation, demo):
    caller.lock()
    assert break_lock(by=demo.ines, environment=operation.environment, reason="I am sure").rule == "state.lock_live"
    assert caller.save(body()).status_code == 200


def test_an_open_lock_needs_no_breaking(operation, demo):
    answer = break_lock(by=demo.ines, environment=operation.environment, reason="I am sure")
    assert (answer.rule, answer.status) == ("state.unlocked", 409)


def test_a_state_that_could_not_be_sent_is_kept_by_its_owner_alone(operation):
    old = _by(operation)
    new = _by(operation)
    with pytest.raises(LeaseLost):
        state.rescue(str(operation.environment_id), old, body())
    state.rescue(str(operation.environment_id), new, body())
    assert state.load(operation.environment_id) == body()
    assert TerraformState.objects.get().lock_id == ""


def test_an_unknown_environment_has_no_state():
    assert Client().get(f"/api/terraform/state/{uuid.uuid4()}/").status_code == 401
