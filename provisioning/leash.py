"""The small parent of a process that must not outlive us; run as a script, by path; standard library only.

Standard input is the leash: each byte is the number of a signal for the child, SIGKILL for everything below, 0 to say
that somebody is there. At the end of the file, or after too long a silence, nobody is: the child is interrupted, so
that it saves what it did, and after its grace killed. As subreaper it inherits what the child orphans, so nothing
outlives this process.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LEASH = 0
HERE = b"\0"
KILLED = 128 + signal.SIGKILL
ORPHANED = 75


def main(arguments: list[str]) -> int:
    """Run `uid gid cwd patience grace rubbish program…`, each `-` where it does not apply. Returns the exit code.

    Seconds of silence that are borne (`-`: any), seconds to end in once orphaned (`-`: none), and a directory to remove
    then. The code is ORPHANED when nobody was there any more.
    """
    uid, gid, directory, patience, grace, rubbish, *argv = arguments
    wake = listen_for_children()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    child = spawn(argv, directory, None if uid == "-" else (int(uid), int(gid)))
    # The reader of the child's output sees its end when the child's end comes.
    os.close(1)
    os.close(2)
    code = watch(child, wake, None if patience == "-" else float(patience))
    if code is None:
        if grace != "-":
            interrupt(child, wake, float(grace))
        if rubbish != "-":
            shutil.rmtree(rubbish, ignore_errors=True)
        code = ORPHANED
    sweep()
    return code


def watch(child: int, wake: int, patience: float | None) -> int | None:
    """Until the child ends: its exit code. None: nobody holds the leash any more."""
    heard = time.monotonic()
    while True:
        left = None if patience is None else heard + patience - time.monotonic()
        if left is not None and left <= 0:
            return None
        readable, _, _ = select.select([LEASH, wake], [], [], left)
        code = reap(child, wake) if wake in readable else None
        if code is not None:
            return code
        if LEASH in readable:
            said = os.read(LEASH, 64)
            if not said:
                return None
            heard = time.monotonic()
            if not obey(child, said):
                return KILLED


def obey(child: int, said: bytes) -> bool:
    """Pass signals on; false when everything shall be killed."""
    for number in said:
        if number == signal.SIGKILL:
            return False
        if number:
            send(child, number)
    return True


def interrupt(child: int, wake: int, grace: float) -> None:
    """Ask the child to end, and give it time to."""
    send(child, signal.SIGINT)
    end = time.monotonic() + grace
    while (left := end - time.monotonic()) > 0:
        readable, _, _ = select.select([wake], [], [], left)
        if readable and reap(child, wake) is not None:
            return


def listen_for_children() -> int:
    """Ignore what a terminal sends; returns a descriptor that becomes readable when a child ends."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


def prctl(option: int, value: int) -> None:
    """Call prctl(2); raises OSError when the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


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


def reap(child: int, wake: int) -> int | None:
    """Collect every ended process; returns the child's exit code once it is among them."""
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


def sweep() -> None:
    """Kill every descendant until none is left, including those forked while we were looking."""
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for pid in descendants(os.getpid()):
            send(pid, signal.SIGKILL)
        time.sleep(0.005)


def send(pid: int, number: int) -> None:
    """Signal a process that may have ended already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


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
