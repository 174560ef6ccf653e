"""A worker in a process of its own: `python -m tests.gitops.worker JSON`. It stops or ends where it is told to."""

import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

from django.conf import settings


def main(told: dict) -> int:
    """Carry out one update; 0 when all of it was done, 3 when the lease is lost."""
    settings.configure(BERTH=SimpleNamespace(var=Path(told["var"]), call_limit_seconds=10))
    from provisioning.drivers.base import EnvironmentSpec, LeaseLost, StepKey, TargetSpec
    from provisioning.drivers.gitops.driver import GitopsDriver
    from provisioning.vault import Secret

    def guard() -> None:
        if told["at"] == "guard":
            os.kill(os.getpid(), told["signal"])

    credentials = {"signing_key": Secret(Path(told["key"]).read_text())}
    spec = EnvironmentSpec(**{**told["spec"], "secrets": (), "target": TargetSpec(**told["spec"]["target"])})
    driver = GitopsDriver(credentials=lambda _path: credentials)
    key = StepKey("op-dying", told["fence"], guard)
    try:
        for step in driver.steps(spec, "update", driver.plan(spec, driver.observe(spec), "update")):
            step.apply(key, print)
            if step.name == told["at"]:
                os.kill(os.getpid(), told["signal"])
    except LeaseLost:
        return 3
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(main(json.loads(sys.argv[1])))
