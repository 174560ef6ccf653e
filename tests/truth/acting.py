"""Takes one case through the product's own actions and says what became of it, in the oracle's words."""

from typing import Any

from django.db import transaction

from audit.context import context
from delivery import actions as delivery
from policies.models import Service
from policies.results import Denied
from provisioning import closures, lifecycle
from provisioning.actions import sign
from provisioning.actions.change import Ask, submit
from provisioning.actions.request import Wanted, request_environment
from provisioning.models import Environment, Operation
from provisioning.runs.planning import plan_operation
from provisioning.runs.taking import take
from provisioning.signing import waited_for
from tests.truth.axes import Case
from tests.truth.oracle import ACTS, ASKERS, Outcome
from tests.truth.setting import lifetime_of, version_of, waive
from tests.truth.world import World, rows

ASKED = "shop-asked"
STALE = "sha256:" + "0" * 64
# Only the rule of the longest lifetimes can be overridden; elsewhere nothing is offered.
LONG = ("month", "over")


def name_of_new(case: Case) -> str:
    return "status" if case["findings"] == "reserved" else ASKED


def asked(world: World, case: Case, environment: Environment | None, *, size: str = "") -> Operation | Denied:
    """Ask for what the case asks for; with `size`, for another request of the same kind."""
    by, kind = world.people[ASKERS[case["requester"]]], case["kind"]
    if environment is None:
        wanted = Wanted(
            service=Service.objects.select_related("team").get(pk=world.demo.api.pk),
            version=world.versions[version_of(case)],
            name=name_of_new(case),
            tier=case["tier"],
            parameters={"size": size or "M"},
            ttl_hours=lifetime_of(case),
        )
        return request_environment(by=by, wanted=wanted)
    if kind in ("deploy", "promote"):
        move = delivery.deploy if kind == "deploy" else delivery.promote
        return move(by=by, environment=environment, release=world.releases["next"])
    if kind == "rollback":
        return delivery.roll_back(by=by, environment=environment)
    arguments = {"parameters": {"size": size or "L"}} if kind == "update" else {}
    ask = Ask(environment=environment, kind=kind, arguments=arguments, confirm=environment.name)
    return submit(by=by, ask=ask)


def override(world: World, case: Case, environment: Environment | None) -> None:
    """What a refusal offers of "only this one request" is granted: for this request, or for another one."""
    if case["exception"] not in ("override", "other_override") or case["findings"] not in LONG:
        return
    size = "S" if case["exception"] == "other_override" else ""
    with transaction.atomic():
        denied = asked(world, case, environment, size=size)
        transaction.set_rollback(not isinstance(denied, Denied))
    for error in denied.errors if isinstance(denied, Denied) else ():
        for scope in error.ask:
            if scope.startswith("request:"):
                waive(world, error.rule, scope, world.people[ASKERS[case["requester"]]], "granted")


def outcome_of(world: World, case: Case, environment: Environment | None) -> Outcome:
    """Ask, plan, let people sign, and claim."""
    answer = asked(world, case, environment)
    if isinstance(answer, Denied):
        reasons = tuple((error.rule, error.field) for error in answer.errors) or ((answer.rule, answer.field),)
        assert reasons[0] == (answer.rule, answer.field)
        assert rows() == world.rows, "the refusal left something"
        return Outcome("refused", reasons, answer.status)
    planned(answer)
    attempts = tuple(_signed(world, answer, who, how) for who, how in ACTS[case["approvers"]])
    return standing(answer, attempts)


def planned(operation: Operation) -> None:
    """A worker makes its plan, unless something holds it before."""
    taken = take(only=operation.pk)
    if taken is not None:
        plan_operation(taken.row, taken)


def fresh(operation: Operation) -> Operation:
    """The operation as it is now."""
    rows = Operation.objects.select_related("environment__service", "team", "requester")
    return rows.get(pk=operation.pk)


def _signed(world: World, operation: Operation, who: str, how: str) -> str:
    found = fresh(operation)
    by = found.requester if who == "requester" else world.people[who]
    digest = STALE if how == "stale" else found.change_digest
    if how == "reject":
        answer: Any = sign.reject(by=by, operation=found, digest=digest, reason="No.")
    else:
        answer = sign.approve(by=by, operation=found, digest=digest)
    return answer.rule if isinstance(answer, Denied) else "rejected" if how == "reject" else "signed"


def standing(asked: Operation, attempts: tuple[str, ...]) -> Outcome:
    """What stands now; only what runs can be claimed."""
    operation = fresh(asked)
    closure = closures.of(operation)
    held = closure.rule if closure else ""
    with context(by="worker:test"):
        lease = lifecycle.claim(holder="test", only=operation.pk)
    if operation.status == "rejected":
        assert lease is None
        return Outcome("rejected", attempts=attempts)
    if operation.status == "awaiting_approval":
        assert lease is None
        waits = tuple(
            (step.step, step.missing, tuple(sorted(person.username for person in step.people)))
            for step in waited_for(operation)
        )
        return Outcome("signs", attempts=attempts, waits=waits, held=held)
    assert operation.status in ("requested", "queued"), (operation.status, operation.error)
    return Outcome("held" if lease is None else "runs", attempts=attempts, held=held)
