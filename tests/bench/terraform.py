"""What the terraform driver adds to the bare binary: the same commands on the same module, by turns, in one run.

A create, both ways: plan with its plan file, show, apply of that file. Bare: `init`, `plan -out`, `show -json`,
`apply`, with a local state. Driver: the same commands below its leash, with state, lock and fence over HTTP, the state
encrypted, the plan read and redacted, the log written. The slow module applies for ten seconds at least.
"""

import dataclasses
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from audit.context import context
from provisioning.drivers.base import StepKey
from provisioning.drivers.registry import driver
from provisioning.drivers.terraform import binary
from provisioning.models import Environment, OperationLease
from provisioning.specs import spec_of
from tests.bench.figures import MS, percentile, say, scaled
from tests.bench.world import World, process, wait_until
from tests.people import Demo, make_version
from tests.processes import free_port, is_alive
from tests.provisioning.engine import requested

SMALL_RUNS, SLOW_RUNS, SLOW_SECONDS = 7, 2, 10
MODULE = """
variable "word" { default = "one" }
resource "terraform_data" "first" { input = var.word }
resource "terraform_data" "second" {
  input = terraform_data.first.output
  %s
}
output "word" { value = terraform_data.second.output }
"""
SLEEP = 'provisioner "local-exec" { command = "sleep %d" }'


def run(world: World, demo: Demo) -> dict[str, Any]:
    """The ratio on the slow module, and the milliseconds on the small one. Nothing without the binary."""
    if binary.problem():
        say(f"terraform: {binary.problem()}")
        return {}
    with _portal(world):
        small = _compared(demo, MODULE % "", scaled(SMALL_RUNS))
        slow = _compared(demo, MODULE % (SLEEP % SLOW_SECONDS), scaled(SLOW_RUNS, at_least=1))
    return {
        "terraform_overhead": round(slow["driver"] / slow["bare"], 3),
        "terraform_overhead_ms": round((small["driver"] - small["bare"]) * MS),
    }


@contextmanager
def _portal(world: World):
    """The portal, which keeps the states, as a process of its own."""
    port = free_port()
    argv = ("-m", "gunicorn", "portal.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4")
    with process(world, "web", *argv):
        wait_until(lambda: is_alive(port))
        before = settings.BERTH
        settings.BERTH = dataclasses.replace(before, state_url=f"http://127.0.0.1:{port}")
        try:
            yield
        finally:
            settings.BERTH = before


def _compared(demo: Demo, text: str, times: int) -> dict[str, float]:
    """Median seconds of a create each way; they take turns, after one of each that is not counted."""
    with context(by="system:bench"):
        version = make_version(
            driver="terraform",
            digest=f"sha256:{uuid.uuid4().hex * 2}",
            number=f"3.0.{uuid.uuid4().int % 9999}",
            resources={"module": {"files": {"main.tf": text}}},
        )
    demo.version = version
    found: dict[str, list[float]] = {"bare": [], "driver": []}
    _driven(demo)
    _bare(text)
    for _ in range(times):
        found["bare"].append(_bare(text))
        found["driver"].append(_driven(demo))
    return {name: percentile(seconds, 0.5) for name, seconds in found.items()}


def _bare(text: str) -> float:
    place = Path(tempfile.mkdtemp(prefix="berth-bare-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    env = {"PATH": os.environ["PATH"], "HOME": str(place), "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    (place / "main.tf").write_text(text)
    began = time.perf_counter()
    for words in (
        ("init", "-input=false", "-json"),
        ("plan", "-input=false", "-json", "-out=plan"),
        ("show", "-json", "plan"),
        ("apply", "-input=false", "-json", "plan"),
    ):
        subprocess.run([binary.path(), *words], cwd=place, env=env, check=True, capture_output=True)
    taken = time.perf_counter() - began
    shutil.rmtree(place)
    return taken


def _driven(demo: Demo) -> float:
    operation = requested(demo, name=f"bench-{uuid.uuid4().hex[:8]}")
    until = timezone.now() + timedelta(hours=1)
    with context(by="system:bench"):
        OperationLease.objects.create(operation=operation, holder="bench", fence=1, expires_at=until)
    key = StepKey(str(operation.pk), 1, bool)
    spec, found = spec_of(Environment.objects.get(pk=operation.environment_id)), driver("terraform")
    began = time.perf_counter()
    plan = found.plan(spec, {}, "create")
    for step in found.steps(spec, "create", plan):
        step.apply(key, bool)
    found.discard(plan)
    return time.perf_counter() - began
