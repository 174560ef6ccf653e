"""What the engine writes down when a driver's message holds a secret: nothing of it, anywhere."""

import base64
import json
import logging
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest

from audit.models import AuditEvent, OutboxEvent
from provisioning import redaction
from provisioning.drivers.base import DriverRejected, DriverUnavailable
from provisioning.models import Operation, OperationLog, OperationStep, Orphan
from provisioning.redaction import MASK, Redactor, learn
from provisioning.runs.log import StepLog
from provisioning.runs.outcome import DEFECT
from tests import noop
from tests.provisioning.engine import drain, requested
from tests.security.canaries import Canaries

SECRET = 'kN7/"q+ünz\\Wd-3fR0_xPe~vG'
CANARIES = Canaries({"planted": SECRET})


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    noop.reset()
    known = Redactor()
    monkeypatch.setattr(redaction, "KNOWN", known)
    monkeypatch.setattr(redaction.RedactingFilter, "_redact", known)
    yield
    noop.reset()


def _recorded() -> dict[str, set[str]]:
    """Where the secret stands among everything that the engine wrote."""
    models = (Operation, OperationLog, OperationStep, Orphan, AuditEvent, OutboxEvent)
    rows = [(model.__name__, repr(list(model.objects.values())).encode()) for model in models]
    return CANARIES.found_in(rows)


def _written(text: str) -> Iterator[str]:
    """The text as programs pass it on: as it is, escaped, and base64 of something longer at each alignment."""
    yield from (text, text.encode().hex(), text.encode().hex().upper(), quote(text), quote(text, safe=""))
    yield from (quote_plus(text), json.dumps(text), json.dumps(text, ensure_ascii=False))
    for lead in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"x" * lead + text.encode() + b"end").decode()


@pytest.mark.parametrize("written", sorted(set(_written(SECRET))))
def test_f9_every_form_of_a_known_value_is_masked(written) -> None:
    learn(SECRET)
    assert CANARIES.found(written) == {"planted"}
    said = redaction.KNOWN(f"before {written} after")
    assert CANARIES.found(said) == set()
    assert MASK in said


def test_the_oldest_of_too_many_values_is_forgotten() -> None:
    redactor = Redactor(f"value-number-{number}" for number in range(100))
    assert redactor("value-number-99 value-number-83") == f"{MASK} value-number-83"


@pytest.mark.django_db(transaction=True)
def test_a_defect_with_a_secret_in_its_message_leaves_no_trace(demo, capfd, caplog) -> None:
    noop.TROUBLE["thing"] = [ValueError(f"cannot use {SECRET}")]
    operation = requested(demo)
    drain()
    operation.refresh_from_db()
    assert operation.error == DEFECT
    assert _recorded() == {}
    out = "".join(capfd.readouterr()) + caplog.text
    assert CANARIES.found(out) == set()
    assert "ValueError at " in caplog.text
    assert "noop.py" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_defect_while_planning_or_undoing_ends_the_operation_without_a_trace(demo, monkeypatch, caplog) -> None:
    def broken(*_: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr(noop.NoopDriver, "plan", broken)
    operation = requested(demo)
    assert drain() == 1
    operation.refresh_from_db()
    assert (operation.status, operation.error) == (
        "failed",
        DEFECT,
    )
    assert _recorded() == {}
    assert CANARIES.found(caplog.text) == set()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", [DriverRejected, DriverUnavailable])
def test_a_refusal_that_repeats_a_known_secret_is_recorded_without_it(demo, kind, caplog) -> None:
    learn(SECRET)
    noop.TROUBLE["thing"] = [kind(f"refused postgresql://u:{SECRET}@h/d and {SECRET.encode().hex()}")]
    operation = requested(demo)
    drain()
    operation.refresh_from_db()
    assert MASK in operation.error + operation.blocked
    assert _recorded() == {}
    assert CANARIES.found(caplog.text) == set()


@pytest.mark.django_db(transaction=True)
def test_the_live_log_never_holds_what_a_driver_was_told(demo) -> None:
    learn(SECRET)
    operation = requested(demo)
    with StepLog(operation) as log:
        log(f"password is {SECRET}")
    assert OperationLog.objects.get(operation=operation).line == f"password is {MASK}"


def test_a_log_record_of_any_library_is_masked() -> None:
    learn(SECRET)
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "sent %s", (SECRET,), None)
    assert redaction.RedactingFilter().filter(record)
    assert record.getMessage() == f"sent {MASK}"
