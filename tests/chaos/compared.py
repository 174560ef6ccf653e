"""Holds what exists against what is recorded, environment by environment, whenever one rests; remembers since when.

A difference is nothing yet: processes come back, routes are made anew. One that stays is a finding.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from provisioning.models import Environment, Operation, Orphan
from provisioning.states import ACTIVE
from provisioning.states import EnvironmentStatus as E
from tests.chaos.observed import UNREACHABLE, Eyes, Found, wanted

Key = tuple[str, str, str]
Facts = tuple[Any, ...]
RESTING = (E.READY, E.SUSPENDED)
# Keys that a workload wrote are no difference while its environment lives.
FREE = frozenset({"cache keys"})


@dataclass
class Comparison:
    """Differences that stand now, by what they are, with the moment they were seen first; and the longest there was."""

    eyes: Eyes
    since: dict[Key, float] = field(default_factory=dict)
    said: dict[Key, str] = field(default_factory=dict)
    longest_s: float = 0.0
    looks: int = 0

    def look(self) -> bool:
        """Compare once; False when a server was away."""
        before = _record()
        try:
            found = self.eyes.look()
        except UNREACHABLE:
            return False
        after = _record()
        resting = {pk for pk, facts in before.items() if after.get(pk) == facts and facts[0] in RESTING}
        different = self._differences(found, resting) | self._orphans(found, before | after)
        self._note(different, {pk.replace("-", "")[:8] for pk in after.keys() - resting})
        self.looks += 1
        return True

    def overdue(self, seconds: float) -> list[str]:
        """Differences that stand for longer than so."""
        now = time.monotonic()
        return [self.said[key] for key, since in self.since.items() if now - since > seconds]

    def _differences(self, found: Found, resting: set[str]) -> dict[Key, str]:
        """Where an environment that rests is not as recorded."""
        different: dict[Key, str] = {}
        for row in Environment.objects.filter(pk__in=resting).select_related("template_version"):
            should = wanted(row)
            own = {key: value for key, value in found.items() if key[0] in (row.pk.hex[:8], row.name)}
            for key in should.keys() | own.keys():
                if key[1] not in FREE and should.get(key) != own.get(key):
                    text = f"{row.name} ({row.status}) {key[1]}: is {own.get(key)!r}, should be {should.get(key)!r}"
                    different["differs", *key] = text
        return different

    def _orphans(self, found: Found, living: dict[str, Facts]) -> dict[Key, str]:
        """What belongs to no living environment, and stands in no ledger."""
        listed = Orphan.objects.filter(removed_at=None).values_list("environment__pk", "environment__name")
        known = {part for pk, name in listed for part in (pk.hex[:8], name)}
        known |= {part for pk, facts in living.items() for part in (pk.replace("-", "")[:8], str(facts[1]))}
        return {
            ("orphan", owner, address): f"{address} of {owner}, which is no living environment: {value!r}"
            for (owner, address), value in found.items()
            if owner not in known
        }

    def _note(self, different: dict[Key, str], moving: set[str]) -> None:
        """What is gone, or belongs to an environment that is being changed, begins anew."""
        now = time.monotonic()
        for key in list(self.since):
            if key not in different:
                if key[1] not in moving:
                    self.longest_s = max(self.longest_s, now - self.since[key])
                del self.since[key]
        for key, text in different.items():
            self.since.setdefault(key, now)
            self.said[key] = text


def _record() -> dict[str, Facts]:
    """Status and name of each living environment, and whatever else changes when it does."""
    active = set(Operation.objects.filter(status__in=ACTIVE).values_list("environment", flat=True))
    rows = Environment.objects.exclude(status=E.DESTROYED)
    return {
        str(row.pk): (E.CHANGING if row.pk in active else row.status, row.name, row.fence, row.changed_at)
        for row in rows.only("status", "name", "fence", "changed_at")
    }
