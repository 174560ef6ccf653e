"""Who must sign, how many, who can, and signing itself. The database holds the same rules as constraints."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from policies.models import ApprovalRule, Membership, Signature, Team, User, Verdict
from policies.permissions import Permission, owners_of, roles_with
from policies.results import Allowed, Denied


@dataclass(frozen=True)
class Requirement:
    """How many signatures, how many of them from the owning team, and which other teams' approvers may sign."""

    rules: tuple[str, ...] = ()
    signatures: int = 0
    owning_team: int = 0
    also_from: tuple[str, ...] = ()
    lifetime_hours: int = 72

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "rules": list(self.rules), "also_from": list(self.also_from)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Requirement":
        fields = {
            **data,
            "rules": tuple(data.get("rules", ())),
            "also_from": tuple(data.get("also_from", ())),
        }
        return Requirement(**fields)


@dataclass(frozen=True)
class Subject:
    """What is signed: a reference, a digest, who asked, and which team owns it."""

    ref: str
    digest: str
    team: Team
    requester: User
    requirement: Requirement = field(default_factory=Requirement)


def requirement_for(*, kind: str, tier: str) -> Requirement:
    """The strictest of the matching active rules."""
    rules = list(ApprovalRule.objects.filter(active=True, tiers__contains=[tier], kinds__contains=[kind]))
    if not rules:
        return Requirement()
    return Requirement(
        rules=tuple(rule.slug for rule in rules),
        signatures=max(rule.signatures for rule in rules),
        owning_team=max(rule.owning_team for rule in rules),
        also_from=tuple(sorted({slug for rule in rules for slug in rule.also_from})),
        lifetime_hours=min(rule.lifetime_hours for rule in rules),
    )


def eligible(subject: Subject) -> list[User]:
    """Everybody who may still be asked: approvers of the owning or a named team, never the requester."""
    teams = Q(team=subject.team) | Q(team__slug__in=subject.requirement.also_from)
    held = Membership.objects.filter(teams, role__in=roles_with(Permission.APPROVE))
    people = User.objects.filter(pk__in=held.values("user"), is_active=True).exclude(pk=subject.requester.pk)
    return list(people.order_by("full_name", "pk"))


def is_owning(user: User, team: Team) -> bool:
    """Does the person sign for the owning team?"""
    return Membership.objects.filter(user=user, team=team, role__in=roles_with(Permission.APPROVE)).exists()


def satisfiable(subject: Subject) -> Allowed | Denied:
    """Can anybody satisfy the requirement at all? A team of two cannot sign twice."""
    need = subject.requirement
    people = eligible(subject)
    owning = (
        Membership.objects.filter(user__in=people, team=subject.team, role__in=roles_with(Permission.APPROVE))
        .values("user")
        .distinct()
        .count()
    )
    if len(people) >= need.signatures and owning >= need.owning_team:
        return Allowed()
    return Denied(
        rule="approval.satisfiable",
        field="approval",
        reason=(
            f"Nobody can complete this: {need.signatures} signatures are needed, {need.owning_team} from "
            f"{subject.team.name}, and {len(people)} people may sign, {owning} of them from {subject.team.name}."
        ),
        fix=f"Make somebody else approver of {subject.team.name}. The requester never counts.",
        who=f"{owners_of(subject.team)}, or a platform engineer",
        status=409,
    )


def may_sign(user: User, subject: Subject) -> Allowed | Denied:
    """May this person sign this now? The requester may not, whatever their roles."""
    others = [str(person) for person in eligible(subject) if person.pk != user.pk]
    who = " or ".join(others) or "A platform engineer can make somebody approver"
    if user.pk == subject.requester.pk:
        return Denied(
            "approval.not_requester",
            "signer",
            "You asked for this, so you cannot sign it.",
            "Ask another approver.",
            who,
        )
    if user.pk not in {person.pk for person in eligible(subject)}:
        return Denied(
            "approval.approver",
            "signer",
            f"{user} is no approver of {subject.team.name}.",
            "It needs the role approver or owner.",
            who,
        )
    if valid(subject).filter(signer=user).exists():
        return Denied(
            "approval.once",
            "signer",
            "You have signed this plan already.",
            "Another person must sign.",
            who,
            409,
        )
    return Allowed()


def valid(subject: Subject) -> Any:
    """The signatures that stand for exactly this digest."""
    return Signature.objects.filter(subject=subject.ref, digest=subject.digest, voided_at=None).exclude(
        signer_id=subject.requester.pk
    )


@dataclass(frozen=True)
class Tally:
    """Approvals that stand, against what is needed."""

    signed: int
    owning: int
    requirement: Requirement

    @property
    def complete(self) -> bool:
        return self.signed >= self.requirement.signatures and self.owning >= self.requirement.owning_team


def tally(subject: Subject) -> Tally:
    """Count what stands."""
    approvals = list(valid(subject).filter(verdict=Verdict.APPROVE).values_list("owning", flat=True))
    return Tally(len(approvals), sum(approvals), subject.requirement)


def sign(*, by: User, subject: Subject, verdict: str, reason: str, context: Mapping[str, Any]) -> Allowed | Denied:
    """Write one signature. Call inside an audit context, after `may_sign`; the constraint decides races."""
    try:
        with transaction.atomic():
            Signature.objects.create(
                subject=subject.ref,
                digest=subject.digest,
                team=subject.team,
                signer=by,
                requester=subject.requester,
                verdict=verdict,
                owning=is_owning(by, subject.team),
                reason=reason,
                context=dict(context),
            )
    except IntegrityError:
        return Denied(
            "approval.once",
            "signer",
            "You have signed this plan already.",
            "Another person must sign.",
            "",
            409,
        )
    return Allowed()


def void(*, ref: str, reason: str) -> int:
    """Void every standing signature of a subject, saying why. Call inside an audit context."""
    return Signature.objects.filter(subject=ref, voided_at=None).update(voided_at=timezone.now(), void_reason=reason)
