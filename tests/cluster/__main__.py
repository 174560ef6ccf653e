"""`python -m tests.cluster build | up --state DIR | test [pytest arguments]`: what `make test-cluster` and people call.

`test` with KUBECONFIG set uses that cluster, in namespaces with a prefix of the run, which are removed at the end.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.cluster import recipe
from tests.cluster.build import build
from tests.cluster.control_plane import running
from tests.cluster.debian import BuildError

ENVIRONMENT = "BERTH_TEST_KUBECONFIG"


def main(argv: list[str]) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="build the control plane into the cache, unless it is there")
    up = verbs.add_parser("up", help="keep a cluster running until Ctrl-C")
    up.add_argument("--state", type=Path, required=True, help="where its files, logs and admin.kubeconfig go")
    verbs.add_parser("test", help="run the tests marked `cluster`; other arguments go to pytest")
    given, rest = parser.parse_known_args(argv)
    # An exception lets what was started be ended; the signal's own way would leave it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if given.verb == "test":
            return _test(rest)
        build()
        return _up(given.state.resolve()) if given.verb == "up" else 0
    except BuildError as problem:
        print(f"cluster: {problem}", file=sys.stderr)
        return 1


def _up(state: Path) -> int:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with running(state) as plane:
        print(f"cluster: {recipe.RECIPE.version} at {plane.url}; export KUBECONFIG={plane.kubeconfig}", flush=True)
        stopped.wait()
    return 0


def _test(arguments: list[str]) -> int:
    own = os.environ.get("KUBECONFIG")
    if own:
        return _pytest(arguments, {ENVIRONMENT: own, "BERTH_TEST_CLUSTER_KIND": "own"})
    build()
    with running() as plane:
        return _pytest(arguments, {ENVIRONMENT: str(plane.kubeconfig), "BERTH_TEST_CLUSTER_KIND": "built"})


def _pytest(arguments: list[str], told: dict[str, str]) -> int:
    named = {*filter(None, os.environ.get("BERTH_REQUIRE", "").split(",")), "cluster"}
    env = {**os.environ, **told, "BERTH_REQUIRE": ",".join(sorted(named))}
    argv = [sys.executable, "-m", "pytest", "-q", "-n", "3", "-m", "cluster", *arguments]
    return subprocess.run(argv, cwd=recipe.ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
