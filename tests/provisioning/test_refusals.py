"""Every refusal leaves one Decision and one event and changes nothing; repeated keys; what cannot be kept."""

import pytest

from audit.context import context
from delivery.actions import register_release, roll_back
from policies.models import Quota
from policies.results import Denied
from provisioning.actions.change import Ask, submit
from provisioning.actions.control import cancel, extend, retry
from provisioning.actions.request import request_environment
from provisioning.actions.secrets import authorise_reveal
from provisioning.actions.sign import approve, reject
from provisioning.models import Environment, Operation
from tests.hostile import everything, refused_once, together
from tests.provisioning.engine import requested, wanted
from tests.provisioning.signed import planned
from tests.provisioning.test_states import environment_in, operation_in

pytestmark = pytest.mark.django_db


def test_a_request_by_somebody_without_the_role(demo):
    denied = refused_once(lambda: request_environment(by=demo.vera, wanted=wanted(demo)))
    assert (denied.rule, denied.status) == ("role.request", 403)
    assert denied.reason == "Vera may not request environments for Payments API."
    assert (denied.fix, denied.who) == ("It needs the role developer or owner.", "Ines")


@pytest.mark.parametrize("person", ["vera", "jonas", "tomasz", "ana", "pia", "olaf"])
def test_whoever_may_not_request_is_refused_once(demo, person):
    denied = refused_once(lambda: request_environment(by=getattr(demo, person), wanted=wanted(demo)))
    assert denied.rule == "role.request"


def test_a_request_against_policy(demo):
    denied = refused_once(lambda: request_environment(by=demo.mara, wanted=wanted(demo, name="vault")))
    assert (denied.rule, denied.status, denied.reason) == ("env.name_reserved", 422, "The name vault is reserved.")


def test_a_request_beyond_the_quota_that_was_filled_after_the_look(demo, monkeypatch):
    monkeypatch.setattr("policies.quotas.shortages", lambda wants: [])
    monkeypatch.setattr("policies.quotas.limit_of", lambda team, metric: None)
    with context(by="system:test"):
        Quota.objects.update(limit=0)
    denied = refused_once(lambda: request_environment(by=demo.mara, wanted=wanted(demo)))
    assert denied.rule == "quota.environments"


def test_a_name_that_is_taken(demo):
    environment_in(demo, "ready")
    denied = refused_once(lambda: request_environment(by=demo.mara, wanted=wanted(demo)))
    assert (denied.rule, denied.status) == ("env.name_free", 409)


@pytest.mark.parametrize("name", ["1api", "9", "Api", "a_b", "-a", "a-", "", "a" * 64, "a.b", "a b", "ä", "a\n"])
def test_a_name_that_is_no_label_is_refused_and_never_an_error(demo, name):
    denied = refused_once(lambda: request_environment(by=demo.mara, wanted=wanted(demo, name=name)))
    assert (denied.rule, denied.status) == ("env.name_label", 422)


def test_a_gate_that_does_not_open(demo):
    environment = environment_in(demo, "suspended")
    denied = refused_once(lambda: submit(by=demo.mara, ask=Ask(environment, "suspend")))
    assert (denied.rule, denied.status) == ("environment.status", 409)


def test_a_change_by_somebody_without_the_role(demo):
    environment = environment_in(demo, "ready")
    for person in (demo.vera, demo.jonas, demo.olaf, demo.pia):
        denied = refused_once(lambda who=person: submit(by=who, ask=Ask(environment, "destroy")))
        assert denied.rule == "role.operate"


def test_destroying_prod_without_its_name(demo):
    environment = environment_in(demo, "ready", tier="prod")
    denied = refused_once(lambda: submit(by=demo.mara, ask=Ask(environment, "destroy", confirm="payments")))
    assert (denied.rule, denied.fix) == ("environment.confirm", "Type payments-api-dev.")


def test_a_signature_where_nothing_waits(demo):
    operation = operation_in(demo, "queued")
    denied = refused_once(lambda: approve(by=demo.jonas, operation=operation, digest=""))
    assert (denied.rule, denied.status) == ("approval.waiting", 409)


@pytest.mark.parametrize(
    ("person", "rule"),
    [("mara", "approval.not_requester"), ("vera", "approval.approver"), ("olaf", "approval.approver")],
)
def test_a_signature_by_somebody_who_may_not_sign(demo, person, rule):
    operation = operation_in(demo, "awaiting_approval")
    by = getattr(demo, person)
    assert refused_once(lambda: approve(by=by, operation=operation, digest="")).rule == rule
    assert refused_once(lambda: reject(by=by, operation=operation, digest="", reason="No")).rule == rule


def test_a_signature_for_another_plan(demo):
    operation = planned(demo)
    denied = refused_once(lambda: approve(by=demo.jonas, operation=operation, digest="sha256:" + "0" * 64))
    assert denied.rule == "approval.digest"


@pytest.mark.parametrize("status", ["succeeded", "rolled_back", "failed", "denied", "rejected", "expired", "cancelled"])
def test_cancelling_what_has_ended(demo, status):
    operation = operation_in(demo, status)
    denied = refused_once(lambda: cancel(by=demo.mara, operation=operation))
    assert (denied.rule, denied.status) == ("operation.cancellable", 409)


def test_cancelling_and_retrying_by_somebody_without_the_role(demo):
    operation = operation_in(demo, "failed")
    assert refused_once(lambda: cancel(by=demo.vera, operation=operation)).rule == "role.operate"
    assert refused_once(lambda: retry(by=demo.vera, operation=operation)).rule == "role.operate"


@pytest.mark.parametrize("status", ["succeeded", "running", "queued", "rejected", "cancelled", "awaiting_approval"])
def test_retrying_what_did_not_fail(demo, status):
    operation = operation_in(demo, status)
    denied = refused_once(lambda: retry(by=demo.mara, operation=operation))
    assert (denied.rule, denied.status) == ("operation.retryable", 409)


def test_retrying_when_the_environment_is_gone(demo):
    operation = operation_in(demo, "failed")
    with context(by="system:test"):
        Environment.objects.update(status="destroying")
        Environment.objects.update(status="destroyed")
    denied = refused_once(lambda: retry(by=demo.mara, operation=operation))
    assert (denied.rule, denied.status) == ("operation.retryable", 409)


def test_extending_by_somebody_without_the_role_or_what_does_not_expire(demo):
    environment = environment_in(demo, "ready")
    assert refused_once(lambda: extend(by=demo.vera, environment=environment, hours=1)).rule == "role.operate"
    assert refused_once(lambda: extend(by=demo.mara, environment=environment, hours=1)).rule == "ttl.none"


def test_revealing_by_somebody_without_the_right_or_what_is_not_there(demo):
    environment = environment_in(demo, "ready")
    act = {"environment": environment, "name": "dsn", "reason": "looking at a failing job"}
    for person in (demo.vera, demo.jonas, demo.ana, demo.pia, demo.olaf):
        assert refused_once(lambda who=person: authorise_reveal(by=who, **act)).rule == "role.reveal_secret"
    assert refused_once(lambda: authorise_reveal(by=demo.mara, **act)).rule == "secret.known"


def test_a_release_by_somebody_without_the_role_or_with_a_taken_version(demo):
    act = {"service": demo.api, "version": "1.0", "artifact": {"image": "web"}}
    assert refused_once(lambda: register_release(by=demo.vera, **act)).rule == "role.deploy"
    assert register_release(by=demo.mara, **act)
    other = {**act, "artifact": {"image": "worker"}}
    assert refused_once(lambda: register_release(by=demo.mara, **other)).rule == "release.immutable"


def test_rolling_back_where_nothing_ran(demo):
    environment = environment_in(demo, "ready")
    assert refused_once(lambda: roll_back(by=demo.mara, environment=environment)).rule == "release.ran_before"


def test_rolling_back_by_somebody_without_the_role_tells_nothing_of_what_ran(demo):
    environment = environment_in(demo, "ready")
    assert refused_once(lambda: roll_back(by=demo.vera, environment=environment)).rule == "role.deploy"


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_what_cannot_be_kept_is_a_wrong_field_and_never_an_error(demo, text):
    before = everything()
    for changes in ({"name": text}, {"parameters": {"greeting": text}}, {"reason": text}):
        answer = request_environment(by=demo.mara, wanted=wanted(demo, **changes))
        assert isinstance(answer, Denied)
        assert (answer.rule, answer.status) == ("request.text", 422)
        assert request_environment(by=demo.vera, wanted=wanted(demo, **changes)).rule == "request.text"
    environment = environment_in(demo, "ready")
    ask = Ask(environment, "update", arguments={"parameters": {"greeting": text}})
    assert submit(by=demo.mara, ask=ask).rule == "request.text"
    assert before == {**everything(), **{k: v for k, v in before.items() if "environment" in k or k == "audit_event"}}


@pytest.mark.parametrize("value", [2**60, -(2**70), 1e300, 0.1, [], {}, True, "x" * 100_000])
def test_a_strange_value_is_a_wrong_field_and_never_an_error(demo, value):
    before = everything()
    answer = request_environment(by=demo.mara, wanted=wanted(demo, parameters={"size": value}), key="k")
    assert isinstance(answer, Denied)
    assert (answer.status, [error.field for error in answer.errors]) == (422, ["parameters.size"])
    assert everything() == before


def test_the_same_key_and_body_answer_the_same_operation(demo):
    first = request_environment(by=demo.mara, wanted=wanted(demo), key="k1")
    before = everything()
    assert request_environment(by=demo.mara, wanted=wanted(demo), key="k1") == first
    assert everything() == before


@pytest.mark.parametrize(
    "changes", [{"name": "payments-api-two"}, {"tier": "test"}, {"parameters": {"size": "L"}}, {"ttl_hours": 5}]
)
def test_the_same_key_with_another_body_is_a_conflict(demo, changes):
    assert request_environment(by=demo.mara, wanted=wanted(demo), key="k1")
    before = everything()
    answer = request_environment(by=demo.mara, wanted=wanted(demo, **changes), key="k1")
    assert isinstance(answer, Denied)
    assert (answer.rule, answer.status) == ("request.key_reused", 409)
    assert everything() == before


def test_a_key_of_somebody_else_is_nothing_to_us(demo):
    first = requested(demo)
    assert isinstance(first, Operation)
    answer = request_environment(by=demo.ines, wanted=wanted(demo, name="payments-api-two"), key="k1")
    assert isinstance(answer, Operation)
    assert answer != first


def test_a_key_of_a_change_answers_the_same_operation_too(demo):
    environment = environment_in(demo, "ready")
    first = submit(by=demo.mara, ask=Ask(environment, "suspend"), key="k")
    assert isinstance(first, Operation)
    assert submit(by=demo.mara, ask=Ask(environment, "suspend"), key="k") == first
    assert submit(by=demo.mara, ask=Ask(environment, "destroy"), key="k").rule == "request.key_reused"


@pytest.mark.django_db(transaction=True)
def test_the_same_key_twice_at_once_makes_one_operation(demo):
    def act():
        return request_environment(by=demo.mara, wanted=wanted(demo), key="once")

    answers = together(*[act] * 4)
    operation = Operation.objects.get()
    assert answers == [operation] * 4
    assert Environment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_key_twice_at_once_with_room_for_one_makes_one_operation(demo):
    with context(by="system:test"):
        Quota.objects.update(limit=1)

    def act():
        return request_environment(by=demo.mara, wanted=wanted(demo), key="once")

    assert together(*[act] * 4) == [Operation.objects.get()] * 4


@pytest.mark.django_db(transaction=True)
def test_the_same_key_of_a_change_twice_at_once_makes_one_operation(demo):
    environment = environment_in(demo, "ready")
    answers = together(*[lambda: submit(by=demo.mara, ask=Ask(environment, "suspend"), key="once")] * 4)
    assert answers == [Operation.objects.get()] * 4


@pytest.mark.django_db(transaction=True)
def test_one_name_asked_for_at_once_goes_to_one(demo):
    answers = together(*[lambda: request_environment(by=demo.mara, wanted=wanted(demo))] * 4)
    assert sorted(type(answer).__name__ for answer in answers) == ["Denied", "Denied", "Denied", "Operation"]
    assert {answer.rule for answer in answers if isinstance(answer, Denied)} == {"env.name_free"}
