"""How things of one environment are called in a cluster: namespace, labels, annotations. Pure."""

from __future__ import annotations

import re
from typing import Any

from provisioning.drivers.base import EnvironmentSpec

PREFIX = "berth/"
ENVIRONMENT = "berth/environment"
# What belongs to a writer or to the portal's own record, not to the plan.
FENCE, OPERATION, ACTIVE, KINDS = "berth/fence", "berth/operation", "berth/active", "berth/kinds"
EXPIRES, COST_CENTRE = "berth/expires-at", "berth/cost-centre"
BOOKKEEPING = frozenset({FENCE, OPERATION, ACTIVE, KINDS, EXPIRES, COST_CENTRE})
# What a suspended workload had before.
REPLICAS, PAUSED = "berth/replicas", "berth/paused"
# Which release a workload runs, and which of two a Service points to.
RELEASE, DIGEST, SLOT = "berth/release", "berth/release-digest", "berth/slot"

_LONGEST = 63
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


def namespace_of(spec: EnvironmentSpec) -> str:
    """The environment's namespace: prefix, name and the first eight digits of the id, at most 63 characters."""
    prefix = str((spec.target.config if spec.target else {}).get("namespace_prefix", ""))
    tail = f"-{spec.id.replace('-', '')[:8]}"
    return f"{prefix}{spec.name}"[: _LONGEST - len(tail)].rstrip("-") + tail


def labels_of(spec: EnvironmentSpec) -> dict[str, str]:
    """What every object of the environment is labelled with."""
    return {
        ENVIRONMENT: spec.id,
        "berth/team": label(spec.team),
        "berth/service": label(spec.service),
        "berth/tier": label(spec.tier),
    }


def label(text: str) -> str:
    """The text as a label's value."""
    return _UNFIT.sub("-", text)[:_LONGEST].strip("-_.")


def address_of(body: dict[str, Any]) -> str:
    """`Kind/namespace/name`; kinds of other makers carry their group, since two may share a name."""
    group = body["apiVersion"].rpartition("/")[0]
    foreign = "." in group and not group.endswith(".k8s.io")
    kind = f"{body['kind']}.{group}" if foreign else body["kind"]
    meta = body["metadata"]
    return "/".join(part for part in (kind, meta.get("namespace"), meta["name"]) if part)
