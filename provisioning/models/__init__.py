"""Environments, operations and what they leave behind. Statuses change only through lifecycle.py."""

from provisioning.models.admission import AdmissionCall, AdmissionHook
from provisioning.models.environments import Environment, Recheck, SecretBinding
from provisioning.models.holds import Hold
from provisioning.models.inventory import InventoryImport, InventoryItem
from provisioning.models.operations import (
    Operation,
    OperationLease,
    OperationLog,
    OperationStep,
    Orphan,
    ResourceLock,
)
from provisioning.models.pools import WarmEnvironment, WarmPool
from provisioning.models.sandbox import Route, Workload
from provisioning.models.targets import Target
from provisioning.models.terraform import TerraformRun, TerraformState, TerraformStateVersion
from provisioning.models.turns import Breaker, Pool, TeamTurn

__all__ = [
    "AdmissionCall",
    "AdmissionHook",
    "Breaker",
    "Environment",
    "Hold",
    "InventoryImport",
    "InventoryItem",
    "Operation",
    "OperationLease",
    "OperationLog",
    "OperationStep",
    "Orphan",
    "Pool",
    "Recheck",
    "ResourceLock",
    "Route",
    "SecretBinding",
    "Target",
    "TeamTurn",
    "TerraformRun",
    "TerraformState",
    "TerraformStateVersion",
    "WarmEnvironment",
    "WarmPool",
    "Workload",
]
