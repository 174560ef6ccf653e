"""What waits: for this person's signature or answer, for others, and of what this person asked. Riskiest first."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db.models import Count, Exists, Q, QuerySet, Value

from policies.models import BrokenGlass, User
from policies.permissions import Permission, people_with, teams_with
from provisioning.digest import sha256
from provisioning.models import Environment, Operation
from provisioning.selectors import operations_visible_to, waiting_for
from provisioning.states import OperationStatus as S

ORDER = ("-risk", "created_at", "id")
PENDING = (S.AWAITING_APPROVAL.value, S.HELD.value)
MOST_ALIKE = 50
_OWN = frozenset({"environment", "name", "changes"})


class Counts(NamedTuple):
    """How much waits for one person, by what they are to do about it."""

    to_sign: int
    to_answer: int
    to_review: int


def to_sign(user: User) -> QuerySet[Operation]:
    """What this person may sign now and has not."""
    return waiting_for(user).order_by(*ORDER)


def to_answer(user: User) -> QuerySet[Operation]:
    """Requests of this person that were asked about or sent back."""
    return Operation.objects.filter(requester=user, status=S.HELD).order_by(*ORDER)


def to_review(user: User) -> QuerySet[BrokenGlass]:
    """Emergencies of other people that this person may review and nobody has, the oldest first."""
    mine = Q(team__in=teams_with(user, Permission.APPROVE))
    # Who may do it everywhere sees it too: a team may have nobody but those who broke the glass.
    everywhere = people_with(Permission.MANAGE_APPROVAL_RULES, None).filter(pk=user.pk)
    rows = BrokenGlass.objects.filter(mine | Exists(everywhere), reviewed_at=None)
    others = rows.exclude(breaker=user).exclude(requester=user)
    return others.select_related("breaker", "team").order_by("at", "pk")


def counts(user: User) -> Counts:
    """What waits for this person, counted in one query, because every page asks."""
    signs, *others = (
        rows.order_by().annotate(of=Value(of)).values("of").annotate(n=Count("pk"))
        for of, rows in enumerate((to_sign(user), to_answer(user), to_review(user)))
    )
    found = dict(signs.union(*others, all=True).values_list("of", "n"))
    return Counts(*(found.get(of, 0) for of in range(3)))


def of_others(user: User) -> QuerySet[Operation]:
    """What the person may see and waits for somebody else; not what they asked for themselves."""
    mine = waiting_for(user).order_by().values("pk")
    return _seen_of_others(user).exclude(pk__in=mine).order_by(*ORDER)


def count_of_others(user: User, to_sign: int) -> int:
    """How much waits for somebody else, by whoever has counted `to_sign`: all of that is seen, and not asked again."""
    return max(_seen_of_others(user).count() - to_sign, 0)


def _seen_of_others(user: User) -> QuerySet[Operation]:
    return operations_visible_to(user).filter(status__in=PENDING, requester__isnull=False).exclude(requester=user)


def asked_by(user: User) -> QuerySet[Operation]:
    """What this person asked for and is not signed yet."""
    return Operation.objects.filter(requester=user, status__in=PENDING).order_by(*ORDER)


def likeness(operation: Operation) -> str:
    """Equal for plans that make the same change of the same kind by the same recipe in the same tier.

    Only the environment may differ, and its name and id where they stand in addresses and values of the changes;
    parameters are compared as they are. What is signed is each plan's own digest, never this.
    """
    plan = operation.plan or {}
    same = {key: value for key, value in plan.items() if key not in _OWN}
    own = _named(operation.environment)
    return sha256({"tier": operation.tier, **same, "changes": _unnamed(plan.get("changes", []), own)})


def _named(environment: Environment) -> re.Pattern[str]:
    """What stands for this one environment in what drivers name: its name, also with underscores, and its id."""
    names = {environment.name, environment.name.replace("-", "_"), str(environment.pk), environment.short_id}
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<![a-z0-9])(?:{either})(?![a-z0-9])")


def _unnamed(value: Any, own: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return own.sub("*", value)
    if isinstance(value, Mapping):
        return {own.sub("*", key): _unnamed(inner, own) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unnamed(inner, own) for inner in value]
    return value


def alike(user: User, operation: Operation) -> list[Operation]:
    """The plans this person may sign that are like this one, itself first if it is among them; at most 50."""
    rows = to_sign(user).filter(kind=operation.kind, tier=operation.tier)
    rows = rows.filter(environment__template_version=operation.environment.template_version)
    wanted = likeness(operation)
    near = rows.select_related("environment", "requester", "team")[: MOST_ALIKE * 4]
    return [row for row in near if likeness(row) == wanted][:MOST_ALIKE]
