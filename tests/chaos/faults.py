"""How each kind of fault is done to an installation. When and to whom is decided by the schedule."""

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGQUIT, SIGSTOP

import redis

from portal.embedded import vault_setup
from tests.chaos.installation import WORKERS, Installation, children_of
from tests.chaos.load import Crowd
from tests.chaos.schedule import Fault

QUEUE = "chaos:berth"
HINTS = 20


@dataclass
class Injector:
    """Does faults. What ends by itself later (a pause, a seal) is done by timers, which `settle` waits for."""

    made: Installation
    crowd: Crowd
    timers: list[threading.Timer] = field(default_factory=list)

    def fire(self, fault: Fault) -> bool:
        """Do it now; returns at once. False: there was nothing to strike, as of a server that is away already."""
        try:
            done: bool = getattr(self, f"_{fault.kind}")(fault)
        except (OSError, HTTPException, redis.RedisError, vault_setup.RefusedError):
            return False
        return done

    def settle(self) -> None:
        """Wait until every pause and seal has ended."""
        for timer in self.timers:
            timer.join()
        self.timers.clear()

    def messages(self) -> int:
        """How many wait in the broker; -1 while it is away."""
        with contextlib.suppress(redis.RedisError), self._broker() as broker:
            return int(broker.llen(QUEUE))
        return -1

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self.timers = [timer for timer in self.timers if timer.is_alive()]
        timer = threading.Timer(seconds, act)
        timer.daemon = True
        self.timers.append(timer)
        timer.start()

    def _kill_worker(self, fault: Fault) -> bool:
        name = WORKERS[fault.victim % len(WORKERS)]
        if fault.part == "all":
            return self.made.strike(name, SIGKILL, fault.seconds)
        pids = self._parts(name, fault)
        for pid in pids[:1]:
            os.kill(pid, SIGKILL)
        return bool(pids)

    def _pause_worker(self, fault: Fault) -> bool:
        pids = self._parts(WORKERS[fault.victim % len(WORKERS)], fault)
        return self._stop_for(pids, fault.seconds)

    def _stop_for(self, pids: list[int], seconds: float) -> bool:
        for pid in pids:
            os.kill(pid, SIGSTOP)
        self._later(seconds, lambda: _go_on(pids))
        return bool(pids)

    def _parts(self, name: str, fault: Fault) -> list[int]:
        """Process ids of a worker: all of it, its main process, or one of those that do the work."""
        main = self.made.pid(name)
        if not main:
            return []
        below = children_of(main)
        if fault.part == "child" and below:
            return [below[fault.victim // 2 % len(below)]]
        return [main, *below] if fault.part == "all" else [main]

    def _kill_beat(self, fault: Fault) -> bool:
        return self.made.strike("beat", SIGKILL, fault.seconds)

    def _kill_sandboxd(self, fault: Fault) -> bool:
        """Sometimes sandboxd alone, so that its workloads must see its end themselves."""
        pid = self.made.pid("sandboxd")
        if fault.victim % 2 or not pid:
            return self.made.strike("sandboxd", SIGKILL, fault.seconds)
        os.kill(pid, SIGKILL)
        return True

    def _flush_broker(self, _fault: Fault) -> bool:
        with self._broker() as broker:
            return bool(broker.flushall())

    def _restart_broker(self, fault: Fault) -> bool:
        return self.made.strike("valkey-broker", SIGKILL, fault.seconds)

    def _restart_data(self, fault: Fault) -> bool:
        return self.made.strike("valkey-data", SIGKILL, fault.seconds)

    def _hang_data(self, fault: Fault) -> bool:
        """A target that takes connections and never answers."""
        pid = self.made.pid("valkey-data")
        return self._stop_for([pid] if pid else [], fault.seconds)

    def _restart_postgres(self, fault: Fault) -> bool:
        """Immediate shutdown: no checkpoint, sessions are cut, the next start recovers from the log."""
        return self.made.strike("postgres", SIGQUIT, fault.seconds)

    def _seal_vault(self, fault: Fault) -> bool:
        """A seal by its own key is opened again by a start."""
        client = vault_setup.Client(self.made.env["VAULT_ADDR"])
        secret = Path(self.made.env["VAULT_SECRET_ID_FILE"]).read_text().strip()
        client.sign_in({"role_id": self.made.env["VAULT_ROLE_ID"], "secret_id": secret})
        client.call("PUT", "sys/seal")
        self._later(fault.seconds, lambda: self._end("openbao"))
        return True

    def _end(self, name: str) -> None:
        self.made.strike(name, SIGKILL, 0)

    def _hang_driver(self, fault: Fault) -> bool:
        wish = self.made.files / "wish"
        wish.write_text(str(fault.seconds))
        wish.rename(self.made.files / "hang")
        return True

    def _duplicate_messages(self, _fault: Fault) -> bool:
        """Every message a second time, and many more than there is work."""
        with self._broker() as broker:
            waiting = broker.lrange(QUEUE, 0, -1)
            if waiting:
                broker.lpush(QUEUE, *waiting)
        from provisioning.wake import send

        send(HINTS)
        return True

    def _delay_messages(self, fault: Fault) -> bool:
        """What waits now comes later, and twice; where nothing waits, hints that come late are made for it."""
        from provisioning.wake import send

        send(HINTS // 4)
        with self._broker() as broker:
            taken, _ = broker.pipeline().lrange(QUEUE, 0, -1).delete(QUEUE).execute()
        if taken:
            self._later(fault.seconds, lambda: self._return(taken))
        return bool(taken)

    def _return(self, taken: list[bytes]) -> None:
        with contextlib.suppress(redis.RedisError), self._broker() as broker:
            broker.lpush(QUEUE, *taken, *taken)

    def _two_people(self, fault: Fault) -> bool:
        return self.crowd.rivals(fault.victim)

    def _broker(self) -> redis.Redis:
        return redis.Redis.from_url(self.made.env["REDIS_URL"], socket_timeout=2, socket_connect_timeout=2)


def _go_on(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, SIGCONT)
