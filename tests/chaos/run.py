"""One run: bring the installation up, keep it busy, break it as scheduled, watch, and say what was found."""

import contextlib
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.db.models import Count

from tests.chaos.compared import Comparison
from tests.chaos.faults import Injector
from tests.chaos.history import judge
from tests.chaos.installation import Installation
from tests.chaos.load import Crowd
from tests.chaos.observed import Eyes
from tests.chaos.schedule import Burst, schedule
from tests.chaos.watch import WITHIN_S, Watch, active

ENOUGH = 5
EVERY = 25
AT_ONCE = 5
_LOOK_S, _COMPARE_S = 0.25, 2.0
_BUSY_WITHIN_S = 30.0
_QUIET_WITHIN_S = 20.0
_END_WITHIN_S = 240.0
_AWAY = (DatabaseError, InterfaceError)


def say(text: str) -> None:
    """Progress goes to stderr: the last line of stdout is the result."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@dataclass
class Run:
    """What happened so far."""

    made: Installation
    crowd: Crowd
    seed: int
    count: int
    stop_early: bool
    watch: Watch = field(default_factory=Watch)
    fired: int = 0
    effective: int = 0
    findings: list[str] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)
    _open: int = 0

    def __post_init__(self) -> None:
        self.compared = Comparison(Eyes(self.made))
        self.injector = Injector(self.made, self.crowd)

    def go(self) -> dict[str, Any]:
        """All of it; the figures of the last line."""
        watchers = [threading.Thread(target=self._every, args=each) for each in self._watchers()]
        for watcher in watchers:
            watcher.start()
        try:
            self.crowd.start(self.seed)
            self._break_things()
            self.injector.settle()
            self.crowd.rest()
            self._wait(lambda: self._open == 0 and not self.watch.struck, _END_WITHIN_S)
            self._compare_quiet()
        finally:
            self.crowd.end()
            self._ending.set()
            for watcher in watchers:
                watcher.join()
        return self._figures()

    def _watchers(self) -> list[tuple[Any, float]]:
        return [(self._watch, _LOOK_S), (self.compared.look, _COMPARE_S)]

    def _every(self, look: Any, seconds: float) -> None:
        """Look again and again; while Postgres is away there is nothing to see."""
        while not self._ending.wait(seconds):
            try:
                look()
            except _AWAY:
                close_old_connections()
        connection.close()

    def _watch(self) -> None:
        self._open = self.watch.look(whole=self.made.is_whole())

    def _break_things(self) -> None:
        self._wait(lambda: self._active() >= ENOUGH, _BUSY_WITHIN_S * 2)
        began = time.monotonic()
        for burst in schedule(self.seed, self.count):
            self._fire(burst)
            if self.fired // EVERY > (self.fired - len(burst.faults)) // EVERY:
                self._pause_and_compare()
                self._tell(began)
            if self.stop_early and self._wrong():
                return

    def _fire(self, burst: Burst) -> None:
        """At a moment when enough is going on and most of what was broken is mended, if that comes in time."""
        time.sleep(burst.pause)
        self._wait(lambda: len(self.watch.struck) <= AT_ONCE and self._active() >= ENOUGH, _BUSY_WITHIN_S)
        busy = self._active() >= ENOUGH
        for fault in burst.faults:
            self.watch.strike(fault.kind, fault.seconds)
            struck = self.injector.fire(fault)
            self.effective += struck and busy
        self.fired += len(burst.faults)

    def _active(self) -> int:
        try:
            return active()
        except _AWAY:
            close_old_connections()
            return 0

    def _pause_and_compare(self) -> None:
        """Let everything come to rest for a while, so that every environment can be compared at once."""
        self.injector.settle()
        self.crowd.rest()
        self._wait(lambda: self._open == 0, _QUIET_WITHIN_S)
        self._compare_quiet()
        self.crowd.go_on()

    def _compare_quiet(self) -> None:
        """Wait until nothing differs any more, within the time that anything may."""
        looks = self.compared.looks
        self._wait(lambda: self.compared.looks >= looks + 2 and not self.compared.since, WITHIN_S + 10)

    def _wait(self, true: Any, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (self.stop_early and self._wrong()):
            if true():
                return True
            time.sleep(0.1)
        return False

    def _wrong(self) -> list[str]:
        found = [*self.watch.stuck, *self.watch.doubled, *self.compared.overdue(WITHIN_S), *self.crowd.trouble]
        return sorted(found)

    def _tell(self, began: float) -> None:
        took = time.monotonic() - began
        say(
            f"{self.fired}/{self.count} faults in {took:.0f} s, {self.effective} effective, "
            f"{len(self.crowd.accepted)} operations, {self._open} open, {self.compared.looks} comparisons, "
            f"slowest recovery {self._slowest():.0f} s, {self.injector.messages()} messages, "
            f"wrong so far: {len(self._wrong())}"
        )

    def _tell_outcomes(self) -> None:
        from provisioning.models import Operation

        rows = Operation.objects.values_list("kind", "status").annotate(count=Count("pk")).order_by("kind", "status")
        say("operations: " + ", ".join(f"{kind} {status} {count}" for kind, status, count in rows))
        failed = Operation.objects.filter(status__in=["failed", "rolled_back"]).exclude(error="")
        for (kind, error), count in Counter(failed.values_list("kind", "error")).most_common(20):
            say(f"{kind} failed {count} times: {error[:200]}")
        say("refused: " + ", ".join(f"{rule} {count}" for rule, count in sorted(self.crowd.refused.items())))

    def _slowest(self) -> float:
        return max(self.watch.longest_s, self.compared.longest_s)

    def _figures(self) -> dict[str, Any]:
        connection.close()
        self._tell_outcomes()
        verdict = judge(self.crowd.accepted, self.made.files)
        late = {key: self.compared.said[key] for key, since in self.compared.since.items()}
        differing = [text for key, text in late.items() if key[0] == "differs"]
        orphaned = [text for key, text in late.items() if key[0] == "orphan"]
        unfinished = self._unfinished()
        sorts = {
            "lost": [*verdict.lost, *differing],
            "doubled": [*verdict.doubled, *sorted(self.watch.doubled)],
            "orphaned": orphaned,
            "stuck": [*sorted(self.watch.stuck), *unfinished, *self.crowd.trouble],
        }
        self.findings = [f"{sort}: {text}" for sort, sentences in sorts.items() for text in sentences[:20]]
        return {
            "faults": self.fired,
            "faults_effective": self.effective,
            "operations": len(self.crowd.accepted),
            **{sort: len(sentences) for sort, sentences in sorts.items()},
            "max_recovery_s": round(self._slowest(), 1),
        }

    def _unfinished(self) -> list[str]:
        from provisioning.models import Operation

        with contextlib.suppress(*_AWAY):
            rows = Operation.objects.filter(finished_at=None)
            return [f"{row.kind} {row.pk} is {row.status} at the end: {row.blocked}" for row in rows]
        return ["the database is away at the end"]
