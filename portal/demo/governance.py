"""Governance as Harbour uses it, for a first visit: limits, windows, rights for a time, and what waits for somebody.

All of it is asked for as people ask, by the same actions. Who the people are stands in the command `seed`.
"""

from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from django.core.management.base import CommandError
from django.db.models import QuerySet
from django.utils import timezone

from catalog.models import TemplateVersion
from policies import delegations, waiving, windowing
from policies.access import giving
from policies.models import (
    AccessGrant,
    Budget,
    CustomRole,
    Delegation,
    Quota,
    Service,
    Team,
    User,
    Waiver,
    Window,
)
from policies.permissions import Permission
from policies.results import Denied
from provisioning import closures
from provisioning.actions.budgets import WantedBudget, set_budget
from provisioning.actions.limits import Scope, WantedQuota, set_quota
from provisioning.actions.request import Wanted, request_environment
from provisioning.models import Operation

OF_PROD: Final = partial(windowing.Wanted, tiers=("prod",), time_zone="Europe/Stockholm")
# The book of payments stays untouched while banks are closed; nothing that the guided tour does is held by it.
FREEZE: Final = OF_PROD(
    slug="ledger-weekend",
    name="Ledger at the weekend",
    effect="freeze",
    rrule="FREQ=WEEKLY;BYDAY=FR",
    starts_on=date(2026, 1, 2),
    starts_at=time(18),
    duration=timedelta(hours=61),
    reason="Banks are closed, nobody could put a wrong booking right.",
    services=("ledger",),
)
ALLOW: Final = OF_PROD(
    slug="invoice-hours",
    name="Invoices by day",
    effect="allow",
    rrule="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    starts_on=date(2026, 1, 1),
    starts_at=time(9),
    duration=timedelta(hours=7),
    reason="Invoices are made at night, so the worker changes by day only.",
    services=("invoice-worker",),
    running="hold",
)
ROLE: Final = "release-manager"
RIGHTS: Final = [Permission.VIEW.value, Permission.VIEW_HISTORY.value, Permission.DEPLOY.value]


def fill() -> None:
    """Make what is missing of it. Raises CommandError at the first refusal."""
    people = {person.username: person for person in User.objects.filter(username__in=("mara", "tomasz", "priya"))}
    services = {service.slug: service for service in Service.objects.select_related("team")}
    _limits(people["priya"], services["ledger"].team)
    _windows(people["priya"])
    _rights(people, services["ledger"])
    _absence(people["tomasz"], people["priya"])
    _waiver(people["mara"], services["ledger"])
    _request(people["mara"], services["payments-api"])


def _once(rows: QuerySet[Any], make: Callable[[], object]) -> None:
    """Do it unless it is there; a refusal ends the command."""
    answer = None if rows.exists() else make()
    if isinstance(answer, Denied):
        raise CommandError(f"{rows.model.__name__} was refused: {answer.reason}")


def _limits(by: User, payments: Team) -> None:
    harbour = payments.organisation
    for scope, metric, limit, currency in (
        (Scope(team=payments, tier="prod"), "environments", 12, ""),
        (Scope(team=payments), "vcpu", 64, ""),
        (Scope(organisation=harbour), "cost_month", 5000, "EUR"),
    ):
        wanted = WantedQuota(scope, metric, Decimal(limit), currency, reason="As agreed for this year.")
        _once(Quota.objects.filter(**scope.fields, metric=metric), partial(set_quota, by=by, wanted=wanted))
    budget = WantedBudget(Scope(team=payments), Decimal(1500), "EUR", reason="As agreed for this year.")
    _once(Budget.objects.filter(team=payments, tier=""), partial(set_budget, by=by, wanted=budget))


def _windows(by: User) -> None:
    for wanted in (FREEZE, ALLOW):
        make = partial(windowing.save, by=by, wanted=wanted, options=closures.options())
        _once(Window.objects.filter(slug=wanted.slug), make)


def _rights(people: Mapping[str, User], ledger: Service) -> None:
    """A role of Harbour's own, and for two weeks somebody of another team who has it for the ledger."""
    role = partial(giving.save_role, by=people["priya"], slug=ROLE, name="Release manager", permissions=RIGHTS)
    _once(CustomRole.objects.filter(slug=ROLE), role)
    ends = timezone.now() + timedelta(days=14)
    wanted = giving.Wanted(
        people["tomasz"], ledger, ROLE, "Brings out the ledger while its team is in training.", ends_at=ends
    )
    made = AccessGrant.objects.filter(user=people["tomasz"], custom__slug=ROLE)
    _once(made, partial(giving.give, by=people["priya"], wanted=wanted))


def _absence(of: User, to: User) -> None:
    starts = timezone.now() + timedelta(days=21)
    absence = delegations.Absence(of, to, starts, starts + timedelta(days=10), "Holidays.")
    _once(Delegation.objects.filter(of=of), partial(delegations.delegate, by=of, absence=absence))


def _waiver(by: User, ledger: Service) -> None:
    wanted = waiving.Wanted(
        rule="env.ttl_maximum",
        scope=f"service:{ledger.slug}",
        label=ledger.name,
        team=ledger.team,
        owner=by,
        reason="The audit of the ledger needs its test environment until the end of the quarter.",
        days=60,
        ticket="LED-118",
        field="environment.ttl_hours",
        value="2160",
    )
    _once(Waiver.objects.filter(scope=wanted.scope), partial(waiving.ask, by=by, wanted=wanted))


def _request(by: User, service: Service) -> None:
    """What waits to be signed, once a worker has planned it."""
    version = TemplateVersion.objects.filter(template__slug="web-service").order_by("pk").last()
    if version is None:
        raise CommandError("The catalogue has no web-service.")
    answers = {"size": "L", "public_endpoint": True, "backup_retention_days": 14}
    reason = "A second place to take payments, before the sales of December."
    wanted = Wanted(service, version, "payments-api-eu", "prod", answers, reason=reason)
    made = Operation.objects.filter(environment__name=wanted.name)
    _once(made, partial(request_environment, by=by, wanted=wanted))
