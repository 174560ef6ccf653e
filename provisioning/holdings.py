"""What an environment holds of its quotas: the most it may become while changes of it are open.

An environment counts with what is recorded of it and with what every open change would make of it, whichever is more,
so that a change that ends only ever gives back. A suspended one counts in full, so that it can always be resumed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from catalog import quota as template_quota
from catalog.models import TemplateVersion
from catalog.pricing import price
from policies import quotas
from policies.models import QuotaReservation
from policies.models.limits import COST
from policies.places import Place
from policies.quotas import Usage, Wants
from provisioning import states
from provisioning.models import Environment, Operation
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S

METRIC = "environments"
# The kinds whose end may change what is held; creating and destroying hold and release by themselves.
RESIZING = frozenset({"update", "reconcile"})
_WHOLE = frozenset({E.READY, E.SUSPENDED})


class Full(Exception):
    """Leaves the transaction because quotas have no room, so that nothing of what was asked is kept."""

    def __init__(self, short: list[Usage]) -> None:
        super().__init__(", ".join(use.metric for use in short))
        self.short = short


@dataclass(frozen=True)
class Difference:
    """A subject whose row in the ledger is not what it uses."""

    subject: str
    metric: str
    held: Decimal
    used: Decimal


def needs(version: TemplateVersion, parameters: Mapping[str, Any]) -> dict[str, Decimal]:
    """One environment, every resource that its template counts, and what it costs in a month of running."""
    counted = {name: Decimal(amount) for name, amount in template_quota.uses(version.parameters, parameters).items()}
    return {**counted, METRIC: Decimal(1), COST: price(version, parameters).running_per_month}


def wants_of_new(place: Place, version: TemplateVersion, parameters: Mapping[str, Any]) -> Wants:
    """What a new environment would hold; it has no subject yet."""
    return Wants(place, "", needs(version, parameters), price(version, parameters).currency)


def wants_of(environment: Environment) -> Wants:
    """What it shall hold, by what is recorded of it now."""
    wanted: dict[str, Decimal] = {}
    for parameters in _shapes(environment):
        for metric, amount in needs(environment.template_version, parameters).items():
            wanted[metric] = max(amount, wanted.get(metric, Decimal(0)))
    place = Place(environment.team, environment.service, environment.tier)
    return Wants(place, environment.ref, wanted, environment.currency)


def _shapes(environment: Environment) -> Iterator[Mapping[str, Any]]:
    """The parameters it has, and those that an open change, or one that failed half-way, would give it."""
    if environment.status == E.DESTROYED:
        return
    yield environment.parameters
    open_now: Any = ~Q(status__in=states.TERMINAL)
    if environment.status not in _WHOLE:
        open_now |= Q(status=S.FAILED, plan_locked_at__isnull=False) & ~Exists(_mended_since())
    changes = Operation.objects.filter(open_now, environment=environment, kind="update")
    for arguments in changes.values_list("arguments", flat=True):
        yield arguments.get("parameters", environment.parameters)


def _mended_since() -> QuerySet[Operation]:
    """Changes after a failed one that left the environment as recorded."""
    rows = Operation.objects.filter(environment=OuterRef("environment"), kind__in=RESIZING, status=S.SUCCEEDED)
    return rows.filter(finished_at__gt=OuterRef("finished_at"))


def reserve(environment: Environment) -> list[Usage]:
    """Hold what it needs with the change just written; otherwise the quotas without room.

    Call inside an audit context, and undo everything when something is returned.
    """
    quotas.lock(environment.ref)
    return quotas.hold(wants_of(_fresh(environment.pk)))


def settle(environment: UUID) -> None:
    """Give back what an ended change no longer needs. Call inside an audit context."""
    quotas.lock(f"environment:{environment}")
    quotas.settle(wants_of(_fresh(environment)))


def ended(operation: Operation) -> None:
    """An operation has ended, however: called where a status changes, and nowhere else."""
    if operation.kind in RESIZING:
        settle(operation.environment_id)


def _fresh(environment: UUID) -> Environment:
    return Environment.objects.select_related("team", "service", "template_version").get(pk=environment)


def differences() -> list[Difference]:
    """Where the ledger is not what is used. Nothing is changed; exact while nothing is being written."""
    held: dict[tuple[str, str], Decimal] = {}
    rows = QuotaReservation.objects.filter(released_at=None).values_list("subject", "metric").order_by()
    held.update({(subject, metric): total for subject, metric, total in rows.annotate(total=Sum("amount"))})
    used: dict[tuple[str, str], Decimal] = {}
    living = Environment.objects.exclude(status=E.DESTROYED).select_related("team", "service", "template_version")
    for environment in living.iterator():
        amounts = wants_of(environment).amounts
        used.update({(environment.ref, metric): amount for metric, amount in amounts.items() if amount > 0})
    zero = Decimal(0)
    pairs = sorted(held.keys() | used.keys())
    found = (Difference(s, m, held.get((s, m), zero), used.get((s, m), zero)) for s, m in pairs)
    return [row for row in found if row.held != row.used]


def repair() -> list[Difference]:
    """Bring the ledger to what is used; what was different. Call inside an audit context."""
    found = differences()
    for subject in sorted({row.subject for row in found}):
        environment = Environment.objects.filter(pk=subject.partition(":")[2]).first()
        if environment is None or environment.status == E.DESTROYED:
            quotas.release(subject=subject)
        else:
            settle(environment.pk)
    return found
