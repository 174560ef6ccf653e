"""Reads of environments and operations. Every list a person sees starts at `visible_to`."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat, Now

from policies.models import BrokenGlass, Delegation, Signature, User
from policies.permissions import Permission, may, services_with, teams_with
from policies.signers import asking, in_force
from policies.written import ANYBODY, for_one
from provisioning import states, turns
from provisioning.models import Environment, InventoryItem, Operation, Orphan, Target, WarmPool
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S
from provisioning.tiers import PROD_LIKE


def environments_visible_to(user: User) -> QuerySet[Environment]:
    """Environments of the services the person may see: those of their teams, and single ones granted."""
    return Environment.objects.filter(service__in=services_with(user, Permission.VIEW))


def operations_visible_to(user: User) -> QuerySet[Operation]:
    """Operations on environments the person may see, and those that asked, or ask, for a signature of theirs."""
    seen = Q(environment__service__in=services_with(user, Permission.VIEW))
    return Operation.objects.filter(seen | _asks(user) | _asked(user))


def _asked(user: User) -> Q:
    """Operations whose rule named a team in which the person may approve."""
    named = Q(pk__in=[])
    for slug in teams_with(user, Permission.APPROVE).values_list("slug", flat=True):
        named |= Q(approval__also_from__contains=[slug])
    return named


def _asks(user: User) -> Q:
    """Operations with an open step that the person, or somebody they stand in for, may sign."""
    wanted = _asks_for(user)
    for row in in_force().filter(to=user):
        wanted |= _asks_for(row.of) & Q(team=row.team) if row.team_id else _asks_for(row.of)
    return Q(status=S.AWAITING_APPROVAL) & wanted


def _asks_for(user: User) -> Q:
    if not user.is_active or user.is_service:
        return Q(pk__in=[])
    return Q(pk__in=for_one(_asking_anybody, user, user.is_platform, user.is_auditor))


def _asking_anybody(is_platform: bool, is_auditor: bool) -> QuerySet[Operation]:
    anybody = User(pk=ANYBODY, is_platform=is_platform, is_auditor=is_auditor)
    wanted = asking(anybody, asked="asked", service="environment__service")
    return Operation.objects.filter(wanted, status=S.AWAITING_APPROVAL).order_by()


def waiting_for(user: User) -> QuerySet[Operation]:
    """What this person may sign now and has not signed, the oldest first."""
    subject = Concat(Value("operation:"), Cast(OuterRef("pk"), TextField()), output_field=TextField())
    signed = Signature.objects.filter(subject=subject, digest=OuterRef("change_digest"), voided_at=None, signer=user)
    rows = Operation.objects.filter(_asks(user)).exclude(requester=user)
    return rows.exclude(Exists(signed)).order_by("created_at", "pk")


def emergencies_visible_to(user: User) -> QuerySet[BrokenGlass]:
    """Emergencies without a review, of the teams the person may see, the oldest first."""
    rows = BrokenGlass.objects.filter(reviewed_at=None, team__in=teams_with(user, Permission.VIEW))
    return rows.select_related("team", "breaker", "requester").order_by("at", "pk")


def delegations_visible_to(user: User) -> QuerySet[Delegation]:
    """Delegations that have not ended, of and to the person and for the teams they own."""
    mine = Q(of=user) | Q(to=user) | Q(team__in=teams_with(user, Permission.MANAGE_TEAM))
    rows = Delegation.objects.filter(mine, ended_at=None, ends_at__gt=Now())
    return rows.select_related("of", "to", "team", "made_by")


def due_to_warn(now: datetime) -> QuerySet[Environment, Any]:
    """Ids of running environments whose lifetime ends soon and nobody was told."""
    soon = now + timedelta(hours=settings.BERTH.warn_before_hours)
    return _expiring(soon).filter(status=E.READY, warned_at=None).values_list("pk", flat=True)


def due_to_expire(now: datetime) -> QuerySet[Environment, Any]:
    """Ids of running environments whose lifetime is over."""
    return _expiring(now).filter(status=E.READY).values_list("pk", flat=True)


def due_for_grace(now: datetime) -> QuerySet[Environment, Any]:
    """Ids of environments that a person suspended and whose lifetime is over: their grace time begins."""
    return _expiring(now).filter(status=E.SUSPENDED, expired_at=None).values_list("pk", flat=True)


def due_to_destroy(now: datetime) -> QuerySet[Environment, Any]:
    """Ids of environments that expiry suspended and whose grace time is over."""
    since = now - timedelta(hours=settings.BERTH.grace_hours)
    rows = Environment.objects.filter(status=E.SUSPENDED, expired_at__lte=since).exclude(tier__in=PROD_LIKE)
    return rows.order_by("expired_at").values_list("pk", flat=True)


def _expiring(until: datetime) -> QuerySet[Environment]:
    rows = Environment.objects.filter(expires_at__lte=until, status__in=[E.READY, E.SUSPENDED])
    return rows.exclude(tier__in=PROD_LIKE).order_by("expires_at")


def orphans_visible_to(user: User) -> QuerySet[Orphan]:
    """Rows of the orphan ledger of the teams the person may see."""
    return Orphan.objects.filter(team__in=teams_with(user, Permission.VIEW))


def pools_visible_to(user: User) -> QuerySet[WarmPool]:
    """Warm pools for services of the teams the person may see."""
    rows = WarmPool.objects.filter(service__team__in=teams_with(user, Permission.VIEW))
    return rows.select_related("template", "service__team", "created_by")


def inventory_visible_to(user: User) -> QuerySet[InventoryItem]:
    """Candidates for adoption: those of the teams the person may see, and unassigned ones for who assigns them."""
    wanted = Q(team__in=teams_with(user, Permission.VIEW))
    if may(user, Permission.MANAGE_INVENTORY, None):
        wanted |= Q(team=None)
    return InventoryItem.objects.filter(wanted).select_related("team", "owner", "target", "environment", "seen_in")


def due_to_repeat(now: datetime) -> QuerySet[Operation]:
    """Scheduled operations that failed and left their environment failed, oldest first; the caller counts retries."""
    return (
        Operation.objects.filter(
            status=S.FAILED,
            origin="schedule",
            kind__in=["suspend", "destroy"],
            environment__status=E.FAILED,
            environment__expired_at__isnull=False,
            plan_locked_at__isnull=False,
        )
        .exclude(tier__in=PROD_LIKE)
        .order_by("finished_at", "pk")
    )


_READY = """
SELECT count(*) FROM provisioning_operation o
LEFT JOIN provisioning_operationlease l ON l.operation_id = o.id
WHERE (o.not_before IS NULL OR o.not_before <= now())
  AND (o.status = ANY(%s)
       OR (o.status = ANY(%s) AND (l.operation_id IS NULL OR l.expires_at + make_interval(secs => %s) < now())))
"""


def ready_count() -> int:
    """How many operations a worker could take up now."""
    waiting = [S.REQUESTED.value, S.QUEUED.value]
    held = sorted({*states.ACTIVE, S.PLANNING.value})
    with connection.cursor() as cursor:
        cursor.execute(_READY, [waiting, held, settings.BERTH.call_limit_seconds])
        return int(cursor.fetchone()[0])


def ready_by_pool() -> dict[str, int]:
    """How many operations could be claimed now, by pool."""
    with connection.cursor() as cursor:
        cursor.execute(turns.READY, turns.bounds())
        return {str(pool): int(count) for pool, count in cursor.fetchall()}


def waiting_count() -> int:
    """How many operations wait for a worker, ready or not."""
    return Operation.objects.filter(status__in=[S.REQUESTED, S.QUEUED]).count()


def targets() -> QuerySet[Target]:
    """Every registered target with its breaker, those in use first."""
    living = Count("environments", filter=~Q(environments__status=E.DESTROYED))
    return Target.objects.select_related("breaker").annotate(living=living).order_by("retired_at", "slug")


def active_on(target: Target) -> int:
    """How many operations change something there now."""
    return Operation.objects.filter(target=target, status__in=states.ACTIVE).count()
