"""Environments, operations and what they leave behind. Statuses change only through lifecycle.py."""

from provisioning.models.environments import Environment, Recheck, SecretBinding
from provisioning.models.operations import (
    Operation,
    OperationLease,
    OperationLog,
    OperationStep,
    Orphan,
    ResourceLock,
)
from provisioning.models.sandbox import Route, Workload
from provisioning.models.targets import Target
from provisioning.models.terraform import TerraformRun, TerraformState, TerraformStateVersion

__all__ = [
    "Environment",
    "Operation",
    "OperationLease",
    "OperationLog",
    "OperationStep",
    "Orphan",
    "Recheck",
    "ResourceLock",
    "Route",
    "SecretBinding",
    "Target",
    "TerraformRun",
    "TerraformState",
    "TerraformStateVersion",
    "Workload",
]
