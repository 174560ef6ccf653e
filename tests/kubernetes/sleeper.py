"""A worker that stops itself between its guard and its write, as SIGSTOP by anybody would. Run by test_fence.py.

Reads the operation from its input, stops at the n-th guard, and tells by one line how it went on.
"""

import json
import os
import signal
import sys
from pathlib import Path

import django


def main() -> None:
    django.setup()
    from provisioning.drivers.base import DriverError, EnvironmentSpec, ReleaseSpec, StepKey, TargetSpec
    from tests.cluster.client import address
    from tests.contract.carrying import rebuilt
    from tests.kubernetes.world import driver_of

    asked = json.load(sys.stdin)
    fields = asked["spec"]
    release, target = ReleaseSpec(**fields["release"]), TargetSpec(**fields["target"])
    spec = EnvironmentSpec(**{**fields, "release": release, "target": target, "secrets": ()})
    calls = 0

    def guard() -> None:
        nonlocal calls
        calls += 1
        if calls == asked["stop_at"]:
            print("asleep", flush=True)
            os.kill(os.getpid(), signal.SIGSTOP)

    key = StepKey(asked["operation"], asked["fence"], guard)
    driver = driver_of(address(Path(asked["kubeconfig"])))
    try:
        for step in driver.steps(spec, asked["verb"], rebuilt(asked["plan"])):
            step.apply(key, lambda _line: None)
    except DriverError as error:
        print(type(error).__name__, flush=True)
    else:
        print("done" if calls >= asked["stop_at"] else "never", flush=True)


if __name__ == "__main__":
    main()
