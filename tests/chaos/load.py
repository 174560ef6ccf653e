"""People who keep the installation busy through the actions, as the pages and the API do, whatever breaks meanwhile.

Whoever is cut off while asking asks again with the same key, so that an answer that got lost doubles nothing.
"""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from delivery.actions import deploy, promote, roll_back
from delivery.models import Release
from policies.models import Service, User
from policies.results import Denied
from provisioning.actions.change import Ask, submit
from provisioning.actions.control import cancel, retry
from provisioning.actions.request import Wanted, request_environment
from provisioning.actions.sign import approve
from provisioning.models import Environment, Operation
from provisioning.states import TERMINAL
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S

BUSY = 11
PAUSE_S = 0.1
_ASK_AGAIN_S = 0.3


@dataclass(frozen=True)
class Slot:
    """A place in which one environment after another lives."""

    name: str
    service: Service
    version: Any
    tier: str
    parameters: tuple[dict[str, Any], ...]
    releases: tuple[Release, ...] = ()


@dataclass
class Crowd:
    """Who asks, who signs, and the ids of the operations that were accepted from them."""

    slots: list[Slot]
    askers: list[User]
    signers: list[User]
    accepted: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    trouble: list[str] = field(default_factory=list)
    _lives: dict[str, uuid.UUID] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _resting: threading.Event = field(default_factory=threading.Event)
    _ending: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, seed: int) -> None:
        """Begin to ask and to sign, each person in a thread."""
        jobs: list[tuple[str, Callable[[], None]]] = []
        for number, asker in enumerate(self.askers):
            dice = random.Random(seed * 1000 + number)
            jobs.append((asker.username, lambda asker=asker, dice=dice: self._ask_something(asker, dice)))
        jobs.append(("signers", self._sign_something))
        for name, job in jobs:
            self._threads.append(threading.Thread(target=self._live, args=(job,), name=name, daemon=True))
            self._threads[-1].start()

    def rest(self) -> None:
        """Ask nothing new; signers go on, or nothing that waits for them would end."""
        self._resting.set()

    def go_on(self) -> None:
        self._resting.clear()

    def end(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(30)

    def _live(self, job: Callable[[], None]) -> None:
        while not self._ending.wait(PAUSE_S):
            try:
                job()
            except (DatabaseError, InterfaceError):
                close_old_connections()
                time.sleep(_ASK_AGAIN_S)
            except Exception as error:  # noqa: BLE001 - a defect of an action is a finding, and the load must go on
                self.trouble.append(f"{threading.current_thread().name}: {type(error).__name__}: {error}")
        connection.close()

    def _ask_something(self, who: User, dice: random.Random) -> None:
        if self._resting.is_set() or Operation.objects.exclude(status__in=TERMINAL).count() >= BUSY:
            return
        slot = dice.choice(self.slots)
        with self._lock:
            pk = self._lives.get(slot.name)
        environment = Environment.objects.filter(pk=pk).first() if pk else None
        if environment is None or environment.status == E.DESTROYED:
            self._create(who, slot, dice)
        elif not environment.operations.exclude(status__in=TERMINAL).exists():
            self._change(who, slot, environment, dice)
        elif dice.random() < 0.02:
            self._cancel(who, environment)

    def _create(self, who: User, slot: Slot, dice: random.Random) -> None:
        name = f"{slot.name}-{uuid.uuid4().hex[:6]}"
        wanted = Wanted(slot.service, slot.version, name, slot.tier, dice.choice(slot.parameters))
        made = self._insist(lambda key: request_environment(by=who, wanted=wanted, key=key))
        if made is not None:
            with self._lock:
                self._lives[slot.name] = made.environment_id

    def _change(self, who: User, slot: Slot, environment: Environment, dice: random.Random) -> None:
        choices = {
            E.READY: ("suspend", "update", "update", "move", "move", "move", "destroy"),
            E.SUSPENDED: ("resume", "resume", "resume", "destroy"),
            E.FAILED: ("destroy", "destroy", "retry"),
        }.get(E(environment.status))
        if choices is None:
            return
        what = dice.choice(choices)
        if what == "move" and slot.releases:
            self._move(who, environment, dice.choice(slot.releases), dice)
        elif what == "retry":
            self._retry(who, environment)
        else:
            self._submit(who, slot, environment, "update" if what == "move" else what, dice)

    def _submit(self, who: User, slot: Slot, environment: Environment, kind: str, dice: random.Random) -> None:
        arguments = {"parameters": dice.choice(slot.parameters)} if kind == "update" else {}
        ask = Ask(environment=environment, kind=kind, arguments=arguments, confirm=environment.name)
        self._insist(lambda key: submit(by=who, ask=ask, key=key))

    def _move(self, who: User, environment: Environment, release: Release, dice: random.Random) -> None:
        if dice.random() < 0.2:
            self._insist(lambda key: roll_back(by=who, environment=environment, key=key))
            return
        if environment.is_prod_like:
            below = _runs_below(environment) or release
            self._insist(lambda key: promote(by=who, environment=environment, release=below, key=key))
        else:
            self._insist(lambda key: deploy(by=who, environment=environment, release=release, key=key))

    def _retry(self, who: User, environment: Environment) -> None:
        failed = environment.operations.filter(status=S.FAILED).order_by("-created_at").first()
        if failed is not None:
            retry(by=who, operation=failed)

    def _cancel(self, who: User, environment: Environment) -> None:
        for operation in environment.operations.exclude(status__in=TERMINAL)[:1]:
            cancel(by=who, operation=operation, reason="changed their mind")

    def _insist(self, ask: Callable[[str], Operation | Denied]) -> Operation | None:
        """Ask until there is an answer; what was accepted must never be lost from here on."""
        key = uuid.uuid4().hex
        while not self._ending.is_set():
            try:
                answer = ask(key)
            except (DatabaseError, InterfaceError):
                close_old_connections()
                time.sleep(_ASK_AGAIN_S)
                continue
            with self._lock:
                if isinstance(answer, Denied):
                    self.refused[answer.rule] += 1
                    return None
                self.accepted.add(str(answer.pk))
            return answer
        return None

    def _sign_something(self) -> None:
        waiting = Operation.objects.filter(status=S.AWAITING_APPROVAL).select_related("team", "requester")
        for operation in waiting[:10]:
            for signer in self.signers:
                approve(by=signer, operation=operation, digest=operation.change_digest)

    def rivals(self, victim: int) -> bool:
        """Two people act on one environment at one moment, each in a thread of their own. False: there is none."""
        with self._lock:
            lives = sorted(self._lives.items())
        if not lives:
            return False
        slot, pk = lives[victim % len(lives)]
        known = {each.name: each for each in self.slots}[slot]
        together = threading.Barrier(2)
        kinds = (("suspend", "update"), ("destroy", "suspend"), ("update", "update"), ("resume", "destroy"))
        for who, kind in zip(self.askers, kinds[victim % len(kinds)], strict=False):
            act = threading.Thread(target=self._rival, args=(who, known, pk, (kind, victim, together)), daemon=True)
            self._threads.append(act)
            act.start()
        return True

    def _rival(self, who: User, slot: Slot, pk: uuid.UUID, how: tuple[str, int, threading.Barrier]) -> None:
        kind, victim, together = how
        try:
            environment = Environment.objects.get(pk=pk)
            together.wait(5)
            self._submit(who, slot, environment, kind, random.Random(f"{victim} {who.username}"))
        except (DatabaseError, InterfaceError, threading.BrokenBarrierError):
            self.refused["cut off"] += 1
        finally:
            connection.close()


def _runs_below(environment: Environment) -> Release | None:
    """A release of the service that runs in a lower tier now and not here."""
    rows = Environment.objects.filter(service=environment.service_id, status=E.READY).exclude(tier=environment.tier)
    running = [row.release["release"] for row in rows if row.release and row.release != environment.release]
    return Release.objects.filter(pk__in=running).first()
