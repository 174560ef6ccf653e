"""Reads that only the API shows, on top of objects that the loaders found. No rules, no writes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from delivery.models import Release
from delivery.selectors import releases_visible_to, services_visible_to
from policies import approvals
from policies.models import ApiToken, Decision, Membership, Service, Signature, Team, User
from policies.permissions import Permission, teams_with
from provisioning import selectors
from provisioning.actions.sign import subject_of
from provisioning.models import Environment, Operation, OperationLog, Orphan, SecretBinding
from provisioning.states import TERMINAL

OPERATION = ("environment", "team", "requester")
ENVIRONMENT = ("service", "team", "owner", "template_version__template")
LOG_LINES = 500


def operations(user: User, wanted: Mapping[str, Any]) -> QuerySet[Operation]:
    """Operations the person may see, narrowed; `waiting=me` are those that wait for this person's signature."""
    waiting = wanted.get("waiting") == "me"
    rows = selectors.waiting_for(user) if waiting else selectors.operations_visible_to(user)
    names = {"status": "status", "kind": "kind", "environment": "environment_id", "team": "team__slug"}
    return rows.filter(**_named(names, wanted)).select_related(*OPERATION)


def environments(user: User, wanted: Mapping[str, Any]) -> QuerySet[Environment]:
    """Environments the person may see, narrowed."""
    names = {"status": "status", "tier": "tier", "team": "team__slug", "service": "service__slug", "name": "name"}
    rows = selectors.environments_visible_to(user)
    return rows.filter(**_named(names, wanted)).select_related(*ENVIRONMENT)


def orphans(user: User, wanted: Mapping[str, Any]) -> QuerySet[Orphan]:
    """What should be gone of the teams the person may see, narrowed."""
    names = {"team": "team__slug", "driver": "driver", "environment": "environment_id"}
    rows = selectors.orphans_visible_to(user).filter(removed_at__isnull=wanted["state"] == "open")
    return rows.filter(**_named(names, wanted)).select_related("environment", "team")


def services(user: User, wanted: Mapping[str, Any]) -> QuerySet[Service]:
    """Services of the teams the person may see."""
    return services_visible_to(user).filter(**_named({"team": "team__slug"}, wanted)).select_related("team")


def releases(user: User, wanted: Mapping[str, Any]) -> QuerySet[Release]:
    """Releases of the teams the person may see."""
    names = {"service": "service__slug", "version": "version"}
    return releases_visible_to(user).filter(**_named(names, wanted)).select_related("service", "created_by")


def teams(user: User) -> QuerySet[Team]:
    """Teams the person may see, with this person's own roles."""
    own = Prefetch("memberships", queryset=Membership.objects.filter(user=user).select_related("custom"), to_attr="own")
    return teams_with(user, Permission.VIEW).prefetch_related(own)


def memberships(user: User) -> QuerySet[Membership]:
    """The person's roles."""
    return Membership.objects.filter(user=user).select_related("team", "custom").order_by("team__slug", "role")


def members(team: Team) -> QuerySet[Membership]:
    """Who holds which role in a team."""
    return Membership.objects.filter(team=team).select_related("user", "custom").order_by("user__full_name", "role")


def factors(user: User) -> QuerySet[Authenticator]:
    """One's own second factors."""
    found: QuerySet[Authenticator] = Authenticator.objects.filter(user=user)
    return found


def tokens(user: User) -> QuerySet[ApiToken]:
    """The person's own tokens, ended ones too."""
    return ApiToken.objects.filter(user=user).select_related("use")


def decisions(operation: Operation) -> QuerySet[Decision]:
    """Every recorded judgement of an operation, newest first."""
    return Decision.objects.filter(subject=operation.ref).order_by("-at", "-pk")


def signatures(operation: Operation) -> QuerySet[Signature]:
    """Every signature of an operation, void ones too, oldest first."""
    return Signature.objects.filter(subject=operation.ref).select_related("signer", "team")


def log(operation: Operation, after: int) -> tuple[list[OperationLog], int, bool]:
    """The lines that follow, the id to go on from, and whether more can come."""
    rows = list(OperationLog.objects.filter(operation=operation, pk__gt=after).order_by("pk")[:LOG_LINES])
    last = rows[-1].pk if rows else after
    return rows, last, operation.status in TERMINAL and len(rows) < LOG_LINES


def secrets(environment: Environment) -> QuerySet[SecretBinding]:
    """Paths and versions, never values."""
    return SecretBinding.objects.filter(environment=environment)


def is_repeat(user: User, key: str) -> bool:
    """Was this Idempotency-Key used by this person before?"""
    return bool(key) and Operation.objects.filter(requester=user, idempotency_key=key).exists()


def has_release(service: Service, version: str) -> bool:
    """Is there a release of this version?"""
    return Release.objects.filter(service=service, version=version).exists()


def approval(operation: Operation) -> dict[str, Any]:
    """What is needed, what stands, and who may still be asked."""
    need = approvals.Requirement.from_json(operation.approval)
    shown: dict[str, Any] = {"signed": 0, "owning": 0, "complete": not need.signatures, "signers": []}
    if need.signatures and operation.requester is not None:
        subject = subject_of(operation)
        count = approvals.tally(subject)
        people = approvals.eligible(subject) if operation.status not in TERMINAL else []
        shown = {"signed": count.signed, "owning": count.owning, "complete": count.complete, "signers": people}
    return {"requirement": need, "expires_at": operation.approval_expires_at, **shown}


def age_seconds(moment: datetime) -> int:
    """Whole seconds since then."""
    return max(0, int((timezone.now() - moment).total_seconds()))


def _named(names: Mapping[str, str], wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {field: wanted[name] for name, field in names.items() if wanted.get(name)}
