"""The small parent of one run of the binary; run as a script, by path; standard library only.

Standard input is the leash. A byte comes again and again while the worker lives: `.` means go on, `i` interrupt, `k`
kill. Silence longer than `patience`, or the end of the file, means that the worker is gone: the run is interrupted, so
that it saves what it did, and after `grace` killed with everything below it. Nothing outlives this process.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LEASH = 0
ORPHANED = 75


def main(arguments: list[str]) -> int:
    """`patience grace directory program…`; seconds, and what is removed when the worker is gone."""
    patience, grace, directory, *argv = arguments
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    wake = _listen()
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    child = _spawn(argv)
    os.close(1)
    os.close(2)
    code = _watch(child, wake, float(patience), float(grace))
    if code is None:
        _orphaned(child, wake, float(grace))
        code = ORPHANED
        shutil.rmtree(directory, ignore_errors=True)
    _sweep()
    return code


def _watch(child: int, wake: int, patience: float, grace: float) -> int | None:
    """Until the child ends: its exit code. None: nobody holds the leash any more."""
    heard = time.monotonic()
    while True:
        left = heard + patience - time.monotonic()
        if left <= 0:
            return None
        readable, _, _ = select.select([LEASH, wake], [], [], left)
        code = _reaped(child, wake) if wake in readable else None
        if code is not None:
            return code
        if LEASH in readable:
            said = os.read(LEASH, 64)
            if not said:
                return None
            heard = time.monotonic()
            _obey(child, said)


def _obey(child: int, said: bytes) -> None:
    if b"k" in said:
        _kill(child)
    elif b"i" in said:
        _signal(child, signal.SIGINT)


def _orphaned(child: int, wake: int, grace: float) -> None:
    """Interrupt, wait, kill."""
    _signal(child, signal.SIGINT)
    end = time.monotonic() + grace
    while (left := end - time.monotonic()) > 0:
        readable, _, _ = select.select([wake], [], [], left)
        if readable and _reaped(child, wake) is not None:
            return
    _kill(child)


def _listen() -> int:
    """A descriptor that becomes readable when a child ends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _spawn(argv: list[str]) -> int:
    """Fork and execute in a group of its own; the child dies with us."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(name, signal.SIG_DFL)
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), LEASH)
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            os.execv(argv[0], argv)  # noqa: S606
    except OSError as problem:
        os.write(2, f"{argv[0]}: {problem.strerror}\n".encode())
    os._exit(127)


def _reaped(child: int, wake: int) -> int | None:
    """Collect what has ended; the child's exit code once it is among them."""
    os.read(wake, 512)
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == child:
            ended = os.waitstatus_to_exitcode(status)
            code = ended if ended >= 0 else 128 - ended


def _signal(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)


def _kill(child: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)


def _sweep() -> None:
    """Kill what the child left behind: as subreaper we inherit what it orphans."""
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for pid in _children():
            _signal(pid, signal.SIGKILL)
        time.sleep(0.005)


def _children() -> list[int]:
    """Our direct children, from one reading of /proc."""
    found, ours = [], str(os.getpid())
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1] == ours:
                    found.append(int(entry.name))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
