"""One conformance suite for every engine, and what an OPA server can do wrong.

No OPA binary is to be had from the package registries we use, so the server here is a stand-in that evaluates with
the embedded engine; test_rego_opa.py asks the real OPA library for a second opinion where it is installed.
"""

import json
import threading
from contextlib import closing

import pytest

from policies.bundle import activate, check
from policies.engine import SHIPPED, ask
from policies.engines import open_engine
from policies.opa_server import OpaServer
from policies.pool import EvaluatorError, Pool
from tests.policies.bundle_files import refusing
from tests.policies.opa_stand_in import serving
from tests.policies.policy_facts import NOW, facts
from tests.policies.test_engine_rules import CASES

RETURNING = ("rule", "severity", "field", "value", "message", "fix", "who")


def payload(**changes):
    return json.dumps(facts(**changes) | {"point": "request", "now": NOW.isoformat()}).encode()


@pytest.fixture(scope="module")
def shipped():
    return activate(SHIPPED)


@pytest.fixture
def opa():
    with serving() as told:
        yield told


@pytest.fixture(params=["embedded", "opa server"])
def engine(request, shipped, opa):
    url = opa.url if request.param == "opa server" else ""
    with closing(open_engine(shipped, seconds=5.0, opa_url=url)) as made:
        yield made


def test_the_settings_choose_the_engine(shipped, opa):
    assert isinstance(open_engine(shipped, seconds=1), Pool)
    assert isinstance(open_engine(shipped, seconds=1, opa_url=opa.url), OpaServer)


def test_facts_without_fault_pass_every_rule(engine, shipped):
    ruling = ask(engine, shipped.digest, payload())
    assert (ruling.allowed, ruling.findings, len(ruling.passed)) == (True, (), len(shipped.rules))


def test_every_rules_finding_is_the_same_in_every_engine(engine, shipped):
    embedded = open_engine(shipped, seconds=5.0)
    with closing(embedded):
        for changes, _ in CASES[::4]:
            one, two = (ask(each, shipped.digest, payload(**changes)) for each in (embedded, engine))
            assert one == one.__class__(**{**_fields(two), "micros": one.micros})


def _fields(ruling):
    return {name: getattr(ruling, name) for name in ruling.__slots__}


def test_many_threads_may_ask_at_once(engine, shipped):
    rulings = []
    threads = [threading.Thread(target=lambda: rulings.append(engine.ask(payload()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rulings) == 4
    assert all(len(each["rules"]) == len(shipped.rules) for each in rulings)


def test_an_engine_that_is_closed_can_still_be_asked_by_who_holds_it(engine):
    engine.close()
    assert engine.ask(payload())["findings"] == []


def test_two_bundles_lie_side_by_side_in_one_server(opa):
    rude, kind = check(refusing("rude")), check(refusing("kind"))
    one, two = (open_engine(each, seconds=5.0, opa_url=opa.url) for each in (rude, kind))
    made = payload(environment={"parameters": {"greeting": "rude"}})
    assert [finding["rule"] for finding in one.ask(made)["findings"]] == ["test.greeting"]
    assert two.ask(made)["findings"] == []
    assert [finding["rule"] for finding in one.ask(made)["findings"]] == ["test.greeting"]


def test_a_file_that_needs_another_one_is_put_again_after_it(opa, shipped):
    OpaServer(shipped, opa.url, seconds=5.0).ask(payload())
    assert len(opa.policies) == len(shipped.files)
    assert len(opa.puts) > len(shipped.files)


def test_failing_builtins_are_errors_and_not_undefined(opa, shipped):
    OpaServer(shipped, opa.url, seconds=5.0).ask(payload())
    assert opa.queries == ["strict-builtin-errors=true"]


def test_a_server_that_has_lost_the_bundle_gets_it_again(opa, shipped):
    server = OpaServer(shipped, opa.url, seconds=5.0)
    server.ask(payload())
    opa.forget = 1
    assert server.ask(payload())["findings"] == []


def test_a_server_that_forgets_every_time_denies(opa, shipped):
    server = OpaServer(shipped, opa.url, seconds=5.0)
    opa.forget = 9
    with pytest.raises(EvaluatorError, match="does not know the bundle"):
        server.ask(payload())


@pytest.mark.parametrize(
    ("status", "nonsense", "says"),
    [
        (500, {"message": "internal"}, "answers 500: internal"),
        (403, {}, "answers 403: no reason given"),
        (200, b"<html>", "is not JSON"),
        (200, [1], "is malformed"),
        (200, {"result": None}, "The bundle's answer is malformed"),
        (200, {"result": {"rules": [], "findings": []}}, "names no rules"),
    ],
)
def test_whatever_the_server_answers_wrongly_denies(opa, shipped, status, nonsense, says):
    server = OpaServer(shipped, opa.url, seconds=5.0)
    server.ask(payload())
    opa.status, opa.nonsense = status, nonsense
    ruling = ask(server, shipped.digest, payload())
    assert (ruling.allowed, ruling.is_judged, ruling.findings[0].rule) == (False, False, "policy.engine")
    assert says in ruling.findings[0].message


def test_a_server_that_is_slow_denies_at_the_deadline(opa, shipped):
    server = OpaServer(shipped, opa.url, seconds=0.3)
    server.ask(payload())
    opa.seconds = 1.0
    ruling = ask(server, shipped.digest, payload())
    assert "The OPA server did not answer within 300 ms." in ruling.findings[0].message
    assert ruling.micros < 900_000


def test_a_server_that_is_away_denies(shipped):
    ruling = ask(OpaServer(shipped, "http://127.0.0.1:9", seconds=1.0), shipped.digest, payload())
    assert (ruling.allowed, ruling.is_judged) == (False, False)


def test_the_engine_of_the_portal_is_the_server_that_is_set(fresh_engine, settings, opa):
    settings.BERTH = settings.BERTH.__class__(**{**vars(settings.BERTH), "opa_url": opa.url})
    settings.POLICY_DEADLINE_MS = 5000
    assert fresh_engine.judge("request", facts(), now=NOW).allowed
    assert len(opa.queries) == 1
