"""The small parent of every process we start; run as a script, by path; standard library only.

Standard input is the leash: each byte is a signal number for the child, end of file means that the supervisor
is gone. As subreaper it inherits what the child orphans, so nothing outlives the child or the supervisor.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LEASH = 0


def main(arguments: list[str]) -> int:
    """Run `uid gid cwd program…`; uid and gid are numbers, or `-` to keep ours. Returns the exit code."""
    uid, gid, directory, *argv = arguments
    wake = listen_for_children()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    child = spawn(argv, directory, None if uid == "-" else (int(uid), int(gid)))
    while True:
        readable, _, _ = select.select([LEASH, wake], [], [])
        if wake in readable:
            os.read(wake, 512)
            code = reap(child)
            if code is not None:
                sweep()
                return code
        if LEASH in readable and not obey(child):
            sweep()
            return 128 + signal.SIGKILL


def prctl(option: int, value: int) -> None:
    """Call prctl(2); raises OSError when the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def listen_for_children() -> int:
    """Ignore what a terminal sends; returns a descriptor that becomes readable when a child ends."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


def spawn(argv: list[str], directory: str, owner: tuple[int, int] | None) -> int:
    """Fork and execute; the child dies with us. The death signal comes last: changing user clears it."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(name, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), LEASH)
        os.chdir(directory)
        if owner:
            os.setgroups([])
            os.setgid(owner[1])
            os.setuid(owner[0])
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            os.execvp(argv[0], argv)  # noqa: S606
    except OSError as problem:
        os.write(2, f"{argv[0]}: {problem.strerror}\n".encode())
    os._exit(127)


def obey(child: int) -> bool:
    """Pass on the signals that wait on the leash; false when it is cut or says to kill everything."""
    numbers = os.read(LEASH, 64)
    for number in numbers:
        if number == signal.SIGKILL:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
    return bool(numbers)


def reap(child: int) -> int | None:
    """Collect every ended process; returns the child's exit code once it is among them."""
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


def sweep() -> None:
    """Kill every descendant until none is left, including those forked while we were looking."""
    while True:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def descendants(root: int) -> list[int]:
    """Process ids below `root`, from one reading of /proc."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
                children[int(parent)].append(int(entry.name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children[waiting.pop()]
        found += below
        waiting += below
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
