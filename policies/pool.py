"""Warm evaluator processes: starting them, speaking to them under a deadline, ending them.

Knows frames and pids, not policies: what is asked lives in `engine.py` and `bundle.py`.
"""

import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any, cast

EVALUATOR = Path(__file__).with_name("evaluator.py")
HEADER = struct.Struct(">I")
MAX_REPLY = 64 << 20
SIZE = 2
LOAD_SECONDS = 10.0


class EvaluatorError(RuntimeError):
    """An evaluator gave no usable answer; the text is a sentence that can be shown."""


class Evaluator:
    """One child process. Not thread-safe: the pool lends it to one caller at a time."""

    def __init__(self) -> None:
        """Start the child with an empty environment and a session of its own.

        It is bound to us by its stdin, whose end it takes as the order to leave, and by a kernel alarm
        during each evaluation. PR_SET_PDEATHSIG would bind it to the *thread* that started it, and the
        threads of requests end.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(EVALUATOR)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        os.set_blocking(self._stdin.fileno(), False)
        os.set_blocking(self._stdout.fileno(), False)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the child still runs, as far as the kernel knows now."""
        return self._process.poll() is None

    def ask(self, payload: bytes, *, seconds: float) -> Any:
        """Send one frame, return the reply's result; raises EvaluatorError, after which the child is gone."""
        until = time.monotonic() + seconds
        try:
            self._write(HEADER.pack(len(payload)) + payload, until)
            length = HEADER.unpack(self._read(HEADER.size, until))[0]
            if length > MAX_REPLY:
                raise EvaluatorError("The evaluator's answer is too long.")
            reply = json.loads(self._read(length, until))
        except TimeoutError:
            self.kill()
            raise EvaluatorError(f"The evaluation did not end within {seconds * 1000:.0f} ms.") from None
        except (OSError, ValueError, RecursionError, EvaluatorError) as error:
            self.kill()
            raise EvaluatorError(f"The evaluator gave no usable answer: {error}") from None
        return self._result(reply)

    def _result(self, reply: Any) -> Any:
        if not isinstance(reply, dict) or "result" not in reply:
            self.kill()
            text = reply.get("error") if isinstance(reply, dict) else None
            raise EvaluatorError(on_one_line(str(text or "The evaluator's answer has no result.")))
        return reply["result"]

    def _write(self, data: bytes, until: float) -> None:
        view = memoryview(data)
        while view:
            self._wait(self._stdin.fileno(), select.POLLOUT, until)
            view = view[os.write(self._stdin.fileno(), view[:65536]) :]

    def _read(self, count: int, until: float) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            self._wait(self._stdout.fileno(), select.POLLIN, until)
            part = os.read(self._stdout.fileno(), count - len(parts))
            if not part:
                raise EvaluatorError("the process ended.")
            parts += part
        return bytes(parts)

    @staticmethod
    def _wait(descriptor: int, event: int, until: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            raise TimeoutError

    def kill(self) -> None:
        """End the child now and reap it."""
        self._process.kill()
        self._process.wait()
        self.abandon()

    def abandon(self) -> None:
        """Close our ends of the pipes only: what a forked copy does with its parent's child."""
        # Keeps Popen from warning about, and waiting for, a process that is not ours to wait for.
        self._process.returncode = self._process.returncode or 0
        self._stdin.close()
        self._stdout.close()


def on_one_line(text: str) -> str:
    """Make "--> file:3:4 | source | error: …" of the engine into "file:3:4: …"."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    places = [line.removeprefix("--> ") for line in lines if line.startswith("--> ")]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return f"{places[0]}: {errors[0]}" if places and errors else " ".join(lines)


def ask_once(order: dict[str, Any]) -> Any:
    """Give one order to a fresh process and return its one answer; raises EvaluatorError."""
    evaluator, seconds = Evaluator(), LOAD_SECONDS
    try:
        return evaluator.ask(json.dumps(order | {"load_seconds": seconds}).encode(), seconds=seconds)
    finally:
        evaluator.kill()


class Pool:
    """Up to SIZE warm evaluators of one bundle in one process; threads wait for a free one."""

    def __init__(self, files: tuple[tuple[str, str], ...], query: str, *, seconds: float) -> None:
        """Start nothing yet: the first question starts the first evaluator."""
        self.pid = os.getpid()
        self.seconds = seconds
        self._order = {"task": "judge", "files": files, "query": query, "load_seconds": LOAD_SECONDS}
        self._free = threading.Semaphore(SIZE)
        self._lock = threading.Lock()
        self._warm: list[Evaluator] = []
        self._closed = False

    def ask(self, payload: bytes) -> Any:
        """Evaluate one serialised input after waiting for a turn (four deadlines at most)."""
        if not self._free.acquire(timeout=self.seconds * 4):
            raise EvaluatorError("All evaluators are busy.")
        try:
            evaluator = self._take()
            result = evaluator.ask(payload, seconds=self.seconds)
            self._give_back(evaluator)
            return result
        finally:
            self._free.release()

    def _take(self) -> Evaluator:
        with self._lock:
            while self._warm:
                evaluator = self._warm.pop()
                if evaluator.is_alive:
                    return evaluator
                evaluator.kill()
        evaluator = Evaluator()
        # The kernel's alarm comes after our own deadline: it is for the case that we are gone.
        order = self._order | {"seconds": self.seconds * 2}
        evaluator.ask(json.dumps(order).encode(), seconds=LOAD_SECONDS)
        return evaluator

    def _give_back(self, evaluator: Evaluator) -> None:
        with self._lock:
            if not self._closed:
                self._warm.append(evaluator)
                return
        evaluator.kill()

    def pids(self) -> list[int]:
        """The process ids of the evaluators that wait for work."""
        return [evaluator.pid for evaluator in self._warm]

    def close(self) -> None:
        """End the waiting evaluators; one at work ends when it comes back."""
        with self._lock:
            self._closed = True
            warm, self._warm = self._warm, []
        for evaluator in warm:
            evaluator.kill()

    def abandon(self) -> None:
        """Forget the parent's evaluators after a fork, without a signal and without the parent's locks."""
        for evaluator in self._warm:
            evaluator.abandon()
