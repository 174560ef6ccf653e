"""`python -m tests.mutants [word …]`: every fault whose name has the words, in a copy of the tree that is thrown away.

First the unchanged copy must be green, or red would prove nothing. Exit code 1 names each fault that no test noticed.
"""

import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.fault import Fault
from tests.mutants.faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "site", "__pycache__", ".*_cache", "node_modules")
GREEN, RED = 0, 1
COPIES = 2
LIMIT_SECONDS = 300


def main(words: list[str]) -> int:
    """Print a line for each fault; whether any survived decides the exit code."""
    chosen = [fault for fault in FAULTS if all(word in fault.name for word in words)]
    servers = importlib.import_module("tests.plugin")
    base = Path(tempfile.mkdtemp(prefix="berth-mutants-"))
    try:
        return _all(chosen, [_copied(base, number) for number in range(COPIES)])
    finally:
        shutil.rmtree(base, ignore_errors=True)
        servers.pytest_unconfigure(object())


def _copied(base: Path, number: int) -> Path:
    copy = base / f"gw{number}"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    return copy


def _all(chosen: list[Fault], copies: list[Path]) -> int:
    """Share the work among the copies, each with a database of its own."""
    shares = [chosen[number :: len(copies)] for number in range(len(copies))]
    with ThreadPoolExecutor(len(copies)) as pool:
        found = list(pool.map(_share, shares, copies))
    survived = [fault.name for part in found for fault in part]
    print(f"{len(chosen) - len(survived)} of {len(chosen)} faults were noticed.")
    for name in survived:
        print(f"NOT NOTICED: {name}")
    return 1 if survived else 0


def _share(faults: list[Fault], copy: Path) -> list[Fault]:
    tests = sorted({test for fault in faults for test in fault.tests})
    code, said = _run(copy, tests, keep=False) if faults else (GREEN, "")
    if code != GREEN:
        raise SystemExit(f"{said}\nThe unchanged tree is not green, so nothing would be proven.")
    # Those that change a migration come last: they leave a database that is not ours any more.
    ordered = sorted(faults, key=lambda fault: "migrations" in fault.file)
    return [fault for fault in ordered if not _noticed(fault, copy)]


def _noticed(fault: Fault, copy: Path) -> bool:
    """Put it in, run its tests, take it out."""
    began, file = time.monotonic(), copy / fault.file
    text = file.read_text()
    if text.count(fault.old) != 1:
        raise SystemExit(f"{fault.name}: its text stands {text.count(fault.old)} times in {fault.file}, not once")
    file.write_text(text.replace(fault.old, fault.new))
    try:
        code, said = _run(copy, list(fault.tests), keep="migrations" not in fault.file)
    finally:
        file.write_text(text)
    if code not in {GREEN, RED}:
        raise SystemExit(f"{said}\n{fault.name}: the tests could not run (exit code {code})")
    print(f"{'noticed' if code == RED else 'SURVIVED'} in {time.monotonic() - began:4.1f} s: {fault.name}", flush=True)
    return code == RED


def _run(copy: Path, tests: list[str], *, keep: bool) -> tuple[int, str]:
    """Run tests in the copy against the servers of this process; exit code and output."""
    env = {
        **{name: value for name, value in os.environ.items() if name != "BERTH_TEST_KEEP"},
        **({"BERTH_TEST_KEEP": "1"} if keep else {}),
        "BERTH_TEST_SERVERS": tempfile.mkdtemp(prefix="pretended-", dir=copy.parent),
        "PYTEST_XDIST_WORKER": copy.name,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(copy),
    }
    argv = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", "-p", "no:xdist", *tests]
    try:
        done = subprocess.run(
            argv, cwd=copy, env=env, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return RED, "no end"
    return done.returncode, done.stdout[-6000:] + done.stderr[-2000:]


if __name__ == "__main__":
    # A polite end runs the cleaning up, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
