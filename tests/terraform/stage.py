"""Short words for the Terraform tests: modules, a target, an environment, carrying a verb out step by step."""

import os
import platform
import uuid
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from audit.context import context
from provisioning.drivers.base import EnvironmentSpec, Plan, StepKey
from provisioning.drivers.registry import driver
from provisioning.drivers.terraform import workdir
from provisioning.models import Environment, Operation, OperationLease, Target
from provisioning.specs import spec_of
from tests.people import Demo, make_version
from tests.provisioning.engine import requested

# Vault is shared by the processes that run tests.
CREDENTIALS = f"targets/test-databases-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"

DATABASE = """
terraform {
  required_providers {
    berth = { source = "providers.invalid/tests/berth", version = "1.0.0" }
  }
}
variable "admin_url" {
  type      = string
  sensitive = true
}
variable "owner_password" {
  type      = string
  sensitive = true
}
variable "database" { type = string }
variable "comment" { type = string }
variable "suspended" {
  type    = bool
  default = false
}
variable "pause" {
  type    = number
  default = 0
}
provider "berth" { url = var.admin_url }
resource "berth_database" "main" {
  name     = var.database
  comment  = var.comment
  limit    = var.suspended ? 0 : 20
  password = var.owner_password
  pause    = var.pause
}
output "database" { value = berth_database.main.name }
output "url" {
  value     = berth_database.main.url
  sensitive = true
}
"""
SMALL = """
variable "word" {
  type    = string
  default = "one"
}
resource "terraform_data" "first" { input = var.word }
resource "terraform_data" "second" { input = terraform_data.first.output }
output "word" { value = terraform_data.second.output }
"""
SLOW = """
variable "word" {
  type    = string
  default = "one"
}
resource "terraform_data" "first" { input = var.word }
resource "terraform_data" "slow" {
  input = var.word
  provisioner "local-exec" { command = "sleep %(seconds)s" }
}
"""
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "word": {"type": "string", "title": "Word", "maxLength": 80},
        "database": {"type": "string", "title": "Database", "maxLength": 60},
        "comment": {"type": "string", "title": "Comment", "maxLength": 80},
        "pause": {"type": "integer", "title": "Pause", "minimum": 0, "maximum": 60},
    },
    "additionalProperties": False,
}


def machine() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def small(files: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    return {"module": {"files": files or {"main.tf": SMALL}}, **more}


def slow(seconds: float) -> dict[str, Any]:
    return small({"main.tf": SLOW % {"seconds": seconds}})


def database(**more: Any) -> dict[str, Any]:
    variables = {"admin_url": {"credential": "url"}, "owner_password": {"secret": "owner_password"}}
    return {"module": {"files": {"main.tf": DATABASE}}, "variables": variables, **more}


def target(mirror: Any, **more: Any) -> Target:
    config = {"provider_mirror": str(mirror), **more}
    with context(by="system:test"):
        return Target.objects.create(
            slug="test-databases", name="Test", driver="terraform", config=config, credentials=CREDENTIALS
        )


def version(demo: Demo, resources: dict[str, Any], **more: Any) -> None:
    """From now on the demo's template is this module."""
    number = f"2.0.{uuid.uuid4().int % 9999}"
    with context(by="system:test"):
        demo.version = make_version(
            driver="terraform",
            digest=f"sha256:{uuid.uuid4().hex}{uuid.uuid4().hex}",
            number=number,
            resources=resources,
            parameters=PARAMETERS,
            **more,
        )


@dataclass
class Hand:
    """Carries verbs out on one environment under a lease of its own, as the engine does."""

    operation: Operation
    spec: EnvironmentSpec
    fence: int
    lines: list[str] = field(default_factory=list)
    stopping: Any = bool
    guard: Any = bool

    @property
    def key(self) -> StepKey:
        return StepKey(str(self.operation.pk), self.fence, self.guard, self.stopping)

    def plan(self, kind: str) -> Plan:
        found = driver("terraform")
        return found.plan(self.spec, found.observe(self.spec), kind)

    def changes(self, kind: str) -> dict[str, str]:
        """Address and action of what the verb would change."""
        plan = self.plan(kind)
        driver("terraform").discard(plan)
        return {change.address: change.action for change in plan.changes}

    def carry(self, kind: str, plan: Plan | None = None, **parameters: Any) -> Plan:
        """Plan, run the steps, and leave nothing behind; the plan."""
        if parameters:
            self.spec = replace(self.spec, parameters={**self.spec.parameters, **parameters})
        found = driver("terraform")
        plan = plan or self.plan(kind)
        try:
            for step in found.steps(self.spec, kind, plan):
                if not step.done(found.observe(self.spec)):
                    step.apply(self.key, self.lines.append)
        finally:
            found.discard(plan)
        return plan

    @property
    def environment(self) -> Environment:
        return Environment.objects.get(pk=self.spec.id)


def hand(demo: Demo, resources: dict[str, Any], place: Target | None = None, **parameters: Any) -> Hand:
    """A new environment of this module, claimed by us."""
    version(demo, resources)
    operation = requested(demo, name=f"tf-{uuid.uuid4().hex[:8]}", parameters=parameters)
    environment = operation.environment
    if place is not None:
        with context(by="system:test"):
            Environment.objects.filter(pk=environment.pk).update(target=place)
        environment.refresh_from_db()
    return Hand(operation, spec_of(environment), lease(operation))


def left(*pids: int) -> list[str]:
    """Directories of runs of these processes (ours, unless named) that are still there."""
    wanted = {str(pid) for pid in pids or (os.getpid(),)}
    found = [place.name for place in workdir.home().iterdir() if "prepared" not in place.name]
    return [name for name in found if name.partition("-")[0] in wanted]


def lease(operation: Operation, fence: int | None = None) -> int:
    """Claim the operation, outdating whoever had it."""
    last = OperationLease.objects.filter(operation=operation).values_list("fence", flat=True).first()
    fence = fence or 1 + (last or 6)
    until = timezone.now() + timedelta(hours=1)
    with context(by="system:test"):
        OperationLease.objects.update_or_create(
            operation=operation, defaults={"holder": "test", "fence": fence, "expires_at": until}
        )
    return fence
