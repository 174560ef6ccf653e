"""Workers die by SIGKILL at every point of a step; afterwards nothing is doubled, lost or orphaned."""

import os
from collections import Counter

import pytest
import redis
from django.conf import settings

from audit.models import AuditEvent
from provisioning.models import Operation, Orphan
from tests.processes import celery_worker, looping_worker, wait_until
from tests.provisioning.engine import ask, requested

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.servers]

POINTS = [(point, address) for address in "abc" for point in ("before", "effect", "recorded")]


@pytest.fixture
def filed(tmp_path, monkeypatch, demo):
    """Environments of the directory driver."""
    from audit.context import context
    from tests.people import make_version

    monkeypatch.setenv("BERTH_FILED_DIR", str(tmp_path))
    with context(by="system:test"):
        demo.version = make_version(driver="filed", digest="sha256:" + "f" * 64, number="2.0.0")
    return tmp_path


def _finished(operation: Operation) -> bool:
    operation.refresh_from_db()
    return operation.status in {"succeeded", "failed", "rolled_back"}


def _effects(place) -> Counter[str]:
    return Counter((place / "effects").read_text().splitlines())


@pytest.mark.parametrize(("point", "address"), POINTS)
def test_a_worker_killed_anywhere_in_a_step_leaves_one_of_everything(filed, demo, point, address):
    operation = requested(demo)
    (filed / f"die-{point}-{address}").touch()
    with looping_worker() as first:
        assert first.wait(timeout=30) == -9
    with looping_worker():
        wait_until(lambda: _finished(operation))
    assert operation.status == "succeeded", operation.error
    assert sorted(f.stem for f in (filed / str(operation.environment_id)).iterdir()) == ["a", "b", "c"]
    assert _effects(filed) == {f'payments-api-dev {a} {{"running": true}}': 1 for a in "abc"}
    assert [step.status for step in operation.steps.all()] == ["done"] * 3
    assert AuditEvent.objects.filter(event="operation.succeeded", object=operation.ref).count() == 1
    assert not Orphan.objects.exists()


@pytest.mark.parametrize("address", ["a", "b"])
def test_a_worker_killed_while_undoing_is_followed_by_one_that_ends_it(filed, demo, address):
    (filed / "refuse-c").touch()
    (filed / f"die-undo-{address}").touch()
    operation = requested(demo)
    with looping_worker() as first:
        assert first.wait(timeout=30) == -9
    with looping_worker():
        wait_until(lambda: _finished(operation))
    assert (operation.status, operation.error) == ("rolled_back", "c is refused.")
    assert list((filed / str(operation.environment_id)).iterdir()) == []
    assert not Orphan.objects.exists()


def test_operations_queued_in_a_broker_that_is_wiped_are_not_lost(filed, demo):
    operations = [requested(demo, name=f"payments-api-{n}") for n in range(3)]
    broker = redis.Redis.from_url(settings.REDIS_URL)
    for key in broker.scan_iter(f"{os.environ['BERTH_BROKER_PREFIX']}:*"):
        broker.delete(key)
    from provisioning.runs.sweep import sweep

    with celery_worker():
        wait_until(lambda: sweep() and all(_finished(operation) for operation in operations), 60)
    assert [operation.status for operation in operations] == ["succeeded"] * 3


def test_two_workers_race_and_every_effect_happens_once(filed, demo):
    operations = [requested(demo, name=f"payments-api-{n}") for n in range(6)]
    with looping_worker(), looping_worker():
        wait_until(lambda: all(_finished(operation) for operation in operations), 60)
        environment = operations[0].environment
        environment.refresh_from_db()
        last = [ask(demo, environment, kind) for kind in ("suspend", "suspend")]
        wait_until(lambda: all(_finished(operation) for operation in last), 60)
    assert [operation.status for operation in operations] == ["succeeded"] * 6
    assert set(_effects(filed).values()) == {1}
