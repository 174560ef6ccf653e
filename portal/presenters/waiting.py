"""Who is waited for and since when, as every page says it: one shape for one operation and for the rows of a list."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from policies.models import Signature, User, Verdict
from policies.signers import people_of
from provisioning.inbox import PENDING
from provisioning.models import Environment, Hold, Operation
from provisioning.signing import waited_for
from provisioning.states import OperationStatus as S

MOST_NAMES = 3
MOST_GROUPS = 8


def either(names: Sequence[str]) -> str:
    """ "Ines, Jonas or Tomasz"."""
    *rest, last = names
    return _("%(some)s or %(last)s") % {"some": ", ".join(rest), "last": last} if rest else last


@dataclass(frozen=True)
class Waits:
    """Whom one operation waits for, since when, and for what: a signature, or an answer."""

    names: tuple[str, ...]
    since: datetime
    answer: bool = False
    step: str = ""
    missing: int = 1
    text: str = ""

    @property
    def who(self) -> str:
        """ "Ines, Jonas or 4 more"."""
        if not self.names:
            return _("nobody who is left")
        more = len(self.names) - MOST_NAMES
        shown = [*self.names[:MOST_NAMES], _("%(n)s more") % {"n": more}] if more > 0 else list(self.names)
        return either(shown)

    def seen_by(self, viewer: User) -> "Waits":
        """The same for the person who reads it: they stand first, as "you"."""
        own = str(viewer)
        if own not in self.names:
            return self
        return replace(self, names=(_("you"), *(name for name in self.names if name != own)))

    @property
    def sentence(self) -> str:
        """ "Waits for Ines or Jonas to sign"; the age stands beside it."""
        return _("Waits for %(who)s %(verb)s") % {"who": self.who, "verb": self.verb}

    @property
    def verb(self) -> str:
        """What they are waited for to do."""
        return _("to answer") if self.answer else _("to sign")


def waits_of(operation: Operation) -> list[Waits]:
    """For one operation: each open step, or the open question; nothing when it waits for no person."""
    if operation.status == S.HELD:
        held = Hold.objects.filter(operation=operation, ended_at=None).first()
        return [_asked(operation, held)] if held else []
    return [
        Waits(tuple(_names(step.people)), step.since, step=step.step, missing=step.missing)
        for step in waited_for(operation)
    ]


def _asked(operation: Operation, held: Hold) -> Waits:
    return Waits((str(operation.requester),), held.at, answer=True, text=held.text)


def _names(people: Iterable[User]) -> list[str]:
    return [str(person) for person in people]


def waits_in(found: Iterable[Operation]) -> Mapping[UUID, Waits]:
    """The same for the rows of a list; of several open steps the people of all.

    The number of queries is bounded: the people of the most frequent groups are named, rarer groups by their own name.
    """
    rows = [row for row in found if row.requester_id and row.status in PENDING]
    if not rows:
        return {}
    holds = {held.operation_id: held for held in Hold.objects.filter(operation__in=rows, ended_at=None)}
    often = Counter(group for row in rows for group in row.asked)
    groups = people_of([group for group, _number in often.most_common(MOST_GROUPS)])
    people = User.objects.in_bulk({pk for members in groups.values() for pk in members})
    signed = _signers(rows)
    waits = {row.pk: _asked(row, holds[row.pk]) for row in rows if row.pk in holds}
    for row in rows:
        if row.pk not in waits:
            gone = {row.requester_id, *signed.get((row.ref, row.change_digest), ())}
            left = {pk for group in row.asked for pk in groups.get(group, ())} - gone
            names = sorted(str(people[pk]) for pk in left if pk in people)
            rare = [group.partition(":")[2] for group in row.asked if group not in groups]
            waits[row.pk] = Waits((*names, *rare), row.awaiting_since or row.created_at)
    return waits


def waits_on(environments: Iterable[Environment]) -> Mapping[UUID, Waits]:
    """Whom the oldest pending operation of each environment waits for."""
    rows = Operation.objects.filter(environment__in=list(environments), status__in=PENDING, requester__isnull=False)
    oldest = {row.environment_id: row for row in rows.select_related("requester", "team").order_by("-created_at")}
    waits = waits_in(oldest.values())
    return {environment: waits[row.pk] for environment, row in oldest.items() if row.pk in waits}


def _signers(rows: list[Operation]) -> dict[tuple[str, str], set[Any]]:
    """Who has signed the present digest of each."""
    digests = {row.change_digest for row in rows}
    found = Signature.objects.filter(subject__in=[row.ref for row in rows], digest__in=digests, voided_at=None)
    by_plan: dict[tuple[str, str], set[Any]] = {}
    for subject, digest, signer in found.filter(verdict=Verdict.APPROVE).values_list("subject", "digest", "signer_id"):
        by_plan.setdefault((subject, digest), set()).add(signer)
    return by_plan
