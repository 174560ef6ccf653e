"""Several operations for one environment: whatever their order, each ends and none is taken up for ever."""

import pytest

from provisioning.actions.change import Ask, submit
from provisioning.actions.control import cancel, retry
from provisioning.models import Environment, Operation
from provisioning.runs import worker
from provisioning.waiting import waiting
from tests.provisioning.engine import ask, drain, lapse, ready, requested

pytestmark = pytest.mark.django_db(transaction=True)


def settle() -> None:
    """Work until nothing is ready, as if every lease had lapsed meanwhile."""
    for _ in range(3):
        drain()
        for operation in Operation.objects.filter(status__in=["running", "verifying", "planning"]):
            lapse(operation)


def test_what_waits_behind_a_destroy_ends_with_a_reason_and_holds_nothing(demo):
    environment = ready(demo)
    update = ask(demo, environment, "update", arguments={"parameters": {"size": "L"}})
    destroy = ask(demo, environment, "destroy")
    settle()
    update.refresh_from_db()
    destroy.refresh_from_db()
    assert destroy.status == "succeeded"
    assert (update.status, update.error) == ("failed", "payments-api-dev is Retired; update needs Running.")
    assert Environment.objects.get().status == "destroyed"


def test_a_change_behind_a_suspend_does_not_wake_the_environment(demo):
    environment = ready(demo)
    update = ask(demo, environment, "update", arguments={"parameters": {"size": "L"}})
    ask(demo, environment, "suspend")
    settle()
    update.refresh_from_db()
    assert (update.status, update.error) == ("failed", "payments-api-dev is Suspended; update needs Running.")
    assert Environment.objects.get().status == "suspended"


def test_two_suspends_both_succeed(demo):
    environment = ready(demo)
    both = [ask(demo, environment, "suspend") for _ in range(2)]
    settle()
    assert [Operation.objects.get(pk=operation.pk).status for operation in both] == ["succeeded"] * 2


def test_two_destroys_leave_nothing_hanging(demo):
    environment = ready(demo)
    both = [ask(demo, environment, "destroy") for _ in range(2)]
    settle()
    assert [Operation.objects.get(pk=operation.pk).status for operation in both] == ["succeeded", "failed"]
    assert Environment.objects.get().status == "destroyed"


def test_people_go_before_schedules_prod_first_and_overtakers_before_the_rest(demo):
    first = ready(demo, name="api-a")
    update = ask(demo, first, "update", arguments={"parameters": {"size": "L"}})
    suspend = ask(demo, first, "suspend")
    for operation in (update, suspend):
        assert worker.work(only=operation.pk)
    update.refresh_from_db()
    suspend.refresh_from_db()
    assert (waiting(suspend).position, waiting(update).position) == (1, 2)
    assert waiting(update).reason == "1 before it; people go before schedules, production first, then teams in turn"


def test_a_cancelled_operation_in_the_queue_is_not_taken(demo):
    environment = ready(demo)
    update = ask(demo, environment, "update", arguments={"parameters": {"size": "L"}})
    assert worker.work()
    assert cancel(by=demo.mara, operation=Operation.objects.get(pk=update.pk))
    assert drain() == 0
    assert Environment.objects.get().parameters["size"] == "S"


def test_a_retry_does_not_pass_over_the_signers(demo):
    operation = requested(demo, name="api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    answer = retry(by=demo.mara, operation=operation)
    assert answer.rule == "operation.retryable"
    operation.refresh_from_db()
    assert (operation.status, drain()) == ("awaiting_approval", 0)


@pytest.mark.parametrize("kind", ["suspend", "resume", "destroy"])
def test_arguments_that_a_kind_does_not_know_are_not_kept(demo, kind):
    environment = ready(demo)
    if kind == "resume":
        ask(demo, environment, "suspend")
        drain()
        environment.refresh_from_db()
    extra = {"parameters": {"size": "L"}, "ttl_hours": 1, "anything": "x" * 50}
    operation = submit(by=demo.mara, ask=Ask(environment, kind, arguments=extra))
    assert isinstance(operation, Operation)
    assert operation.arguments == {}
