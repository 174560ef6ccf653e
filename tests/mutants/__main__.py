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
from pathlib import Path

from tests.mutants.faults import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "site", "__pycache__", ".*_cache", "node_modules")
GREEN, RED = 0, 1
LIMIT_SECONDS = 300


def main(words: list[str]) -> int:
    """Print a line for each fault; the number of faults that survived decides the exit code."""
    chosen = [fault for fault in FAULTS if all(word in fault.name for word in words)]
    servers = importlib.import_module("tests.plugin")
    base = Path(tempfile.mkdtemp(prefix="berth-mutants-"))
    try:
        copy = base / "tree"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        return _all(chosen, copy)
    finally:
        shutil.rmtree(base, ignore_errors=True)
        servers.pytest_unconfigure(object())


def _all(chosen: list[Fault], copy: Path) -> int:
    tests = sorted({test for fault in chosen for test in fault.tests})
    code, said = _run(copy, tests)
    if code != GREEN:
        print(f"{said}\nThe unchanged tree is not green, so nothing is proven.")
        return 2
    bad = [fault.name for fault in chosen if not _noticed(fault, copy)]
    print(f"{len(chosen) - len(bad)} of {len(chosen)} faults were noticed.")
    for name in bad:
        print(f"NOT NOTICED: {name}")
    return 1 if bad else 0


def _noticed(fault: Fault, copy: Path) -> bool:
    """Put it in, run its tests, take it out."""
    began, file = time.monotonic(), copy / fault.file
    text = file.read_text()
    if text.count(fault.old) != 1:
        raise SystemExit(f"{fault.name}: its text stands {text.count(fault.old)} times in {fault.file}, not once")
    file.write_text(text.replace(fault.old, fault.new))
    try:
        code, said = _run(copy, list(fault.tests))
    finally:
        file.write_text(text)
    if code not in {GREEN, RED}:
        print(said)
        raise SystemExit(f"{fault.name}: the tests could not run (exit code {code})")
    print(f"{'noticed' if code == RED else 'SURVIVED'} in {time.monotonic() - began:4.1f} s: {fault.name}", flush=True)
    return code == RED


def _run(copy: Path, tests: list[str]) -> tuple[int, str]:
    """Run tests in the copy against the servers of this process; exit code and output."""
    pretended = tempfile.mkdtemp(prefix="berth-mutant-", dir=copy.parent)
    env = {**os.environ, "BERTH_TEST_SERVERS": pretended, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(copy)}
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
