"""What a change costs more or less, and what a month comes to: Decimal, from rates and the history of environments."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from catalog.pricing import HOURS_PER_MONTH, price
from policies.budgets import Projection, covering, month_of, over, threshold
from policies.models import Budget
from policies.places import Place, inside
from policies.results import Denied
from provisioning import states
from provisioning.facts import Draft
from provisioning.models import Environment, Operation
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S

NOTHING = Decimal(0)
HOUR = Decimal(3600)
CENT = Decimal("0.01")
BEGINS = frozenset({"create", "adopt", "claim"})
GROWS = BEGINS | {"update"}
CAME_TO_NOTHING = frozenset({S.DENIED, S.REJECTED, S.EXPIRED, S.CANCELLED, S.ROLLED_BACK})


class OverBudget(Exception):
    """Leaves the transaction because a budget that blocks would be exceeded."""

    def __init__(self, denied: Denied) -> None:
        super().__init__(denied.reason)
        self.denied = denied


def cost_delta(draft: Draft) -> Decimal:
    """How much more (or, below zero, less) is spent in an hour after this, by the template's price book."""
    after = price(draft.version, draft.parameters)
    if not draft.environment or draft.kind in BEGINS:
        return after.running
    known = Environment.objects.filter(pk=draft.environment)
    running, suspended, since = known.values_list("rate_running", "rate_suspended", "suspended_at").get()
    before = suspended if since is not None else running
    ends_at = {"destroy": NOTHING, "suspend": suspended, "resume": running, "update": after.running}
    return ends_at.get(draft.kind, before) - before


def cost_to_sign(draft: Draft) -> Decimal:
    """What approval rules that ask for a cost match on: nothing, where the change stays below its scope's threshold.

    What the same person had waved through in the team this month counts with it, or one change in ten parts would pass.
    """
    more = cost_delta(draft)
    below = threshold(Place(draft.team, draft.service, draft.tier), price(draft.version, draft.parameters).currency)
    if below is None:
        return more
    grown = more + _unsigned(draft) if more > 0 else more
    return NOTHING if grown * HOURS_PER_MONTH < below else grown


def _unsigned(draft: Draft) -> Decimal:
    """How much more is spent in an hour by what the person asked in the team this month before and nobody signed."""
    rows = Operation.objects.filter(requester=draft.requester, team=draft.team, signatures_needed=0)
    rows = rows.filter(kind__in=GROWS, created_at__gte=month_of(timezone.now())[0]).exclude(status__in=CAME_TO_NOTHING)
    if draft.operation:
        own = Operation.objects.filter(pk=draft.operation).values("created_at")
        rows = rows.filter(created_at__lt=own[:1]).exclude(pk=draft.operation)
    living = rows.exclude(environment__status=E.DESTROYED).select_related("environment__template_version")
    return max(NOTHING, sum((_growth(row) for row in living), NOTHING))


def _growth(operation: Operation) -> Decimal:
    environment = operation.environment
    after = price(environment.template_version, operation.arguments.get("parameters", environment.parameters)).running
    if operation.kind != "update":
        return after
    # A plan notes the rate before it; what is not planned yet has changed nothing.
    return after - Decimal(operation.context.get("rate_running", environment.rate_running))


def project(budget: Budget, now: datetime) -> Projection:
    """What the budget's month comes to, if everything runs on as it is."""
    begin, end = month_of(now)
    rows = _counted(budget, begin)
    spent = sum((spent_by(row, begin, now) for row in rows), NOTHING)
    committed = sum((committed_by(row, now, end) for row in rows), NOTHING)
    return Projection(budget, spent.quantize(CENT), committed.quantize(CENT))


def _counted(budget: Budget, begin: datetime) -> list[Environment]:
    """Environments that lived in the month, with the changes of their rate."""
    changes = Operation.objects.filter(Q(status=S.SUCCEEDED) | ~Q(status__in=states.TERMINAL))
    changes = changes.filter(kind__in=["suspend", "resume", "update"]).order_by("finished_at")
    lived = Q(destroyed_at=None) | Q(destroyed_at__gt=begin)
    rows = Environment.objects.filter(inside(budget), lived, currency=budget.currency)
    return list(
        rows.select_related("template_version").prefetch_related(Prefetch("operations", changes, to_attr="turns"))
    )


def spent_by(environment: Environment, begin: datetime, now: datetime) -> Decimal:
    """Rate × hours since the month began, through every suspension and every change of size."""
    if environment.ready_at is None:
        return NOTHING
    done = [turn for turn in _turns(environment) if turn.finished_at is not None]
    at, is_suspended, total = environment.ready_at, False, NOTHING
    for place, turn in enumerate(done):
        until = turn.finished_at or now
        total += _hours(at, until, begin, now) * _rate(environment, done[place:], is_suspended)
        at, is_suspended = until, {"suspend": True, "resume": False}.get(turn.kind, is_suspended)
    last = environment.destroyed_at or now
    return total + _hours(at, last, begin, now) * _rate(environment, (), is_suspended)


def _turns(environment: Environment) -> list[Operation]:
    found: list[Operation] = environment.turns  # type: ignore[attr-defined]
    return found


def _rate(environment: Environment, later: Sequence[Operation], is_suspended: bool) -> Decimal:
    """The rate until the next change of size, which noted what it was; after the last, the present one."""
    name = "rate_suspended" if is_suspended else "rate_running"
    noted = next((turn.context for turn in later if turn.kind == "update" and name in turn.context), None)
    return getattr(environment, name) if noted is None else Decimal(noted[name])


def _hours(since: datetime, until: datetime, begin: datetime, now: datetime) -> Decimal:
    seconds = (min(until, now) - max(since, begin)).total_seconds()
    return Decimal(int(max(0.0, seconds))) / HOUR


def committed_by(environment: Environment, now: datetime, end: datetime) -> Decimal:
    """What it costs from now until the month or its lifetime ends, with the largest size that is asked for."""
    if environment.status == E.DESTROYED:
        return NOTHING
    until = end if environment.expires_at is None else max(now, min(end, environment.expires_at))
    if environment.suspended_at is not None:
        return _hours(now, until, now, end) * environment.rate_suspended
    asked = [turn for turn in _turns(environment) if turn.finished_at is None and turn.kind == "update"]
    shapes = [turn.arguments.get("parameters", environment.parameters) for turn in asked]
    rates = [price(environment.template_version, shape).running for shape in shapes]
    return _hours(now, until, now, end) * max([environment.rate_running, *rates])


def over_budget(
    place: Place, *, more: Decimal = NOTHING, hours: int | None = None, lock: bool = False
) -> Denied | None:
    """The refusal of a budget that blocks, if what is written, and `more` an hour, exceeds it.

    With `lock`, parallel requests of one budget wait for each other; take it after the quotas' locks.
    """
    rows: QuerySet[Budget] = covering(place).filter(blocks=True).order_by("pk")
    if lock:
        rows = rows.select_for_update(of=("self",))
    now = timezone.now()
    _, end = month_of(now)
    left = Decimal(int((end - now).total_seconds())) / HOUR
    extra = more * (left if hours is None else min(left, Decimal(hours)))
    return over([_with(project(budget, now), extra) for budget in rows], place)


def hold_budgets(draft: Draft) -> None:
    """Raise OverBudget if a change that costs more exceeds a budget that blocks. After the quotas, in the transaction.

    A new environment and a change of size are counted by what was just written, resuming is not yet.
    """
    more = cost_delta(draft)
    if more <= 0:
        return
    place = Place(draft.team, draft.service, draft.tier)
    denied = over_budget(place, more=more if draft.kind == "resume" else NOTHING, lock=True)
    if denied is not None:
        raise OverBudget(denied)


def hold_longer(environment: Environment, before: datetime | None) -> None:
    """Raise OverBudget if a lifetime just written, which ended at `before`, exceeds a budget that blocks."""
    _, end = month_of(timezone.now())
    after = environment.expires_at
    if before is None or before >= end or (after is not None and after <= before):
        return
    place = Place(environment.team, environment.service, environment.tier)
    denied = over_budget(place, lock=True)
    if denied is not None:
        raise OverBudget(denied)


def _with(projection: Projection, extra: Decimal) -> Projection:
    return Projection(projection.budget, projection.spent, projection.committed + extra.quantize(CENT))
