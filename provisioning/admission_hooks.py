"""A cluster's webhook: made with a token, found by it, written down as the cluster's configuration, and timed."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from audit.context import Actor, context
from audit.record import record
from provisioning.admission_facts import LABEL
from provisioning.models import AdmissionCall, AdmissionHook, Target
from provisioning.redaction import learn

NEWEST = 200
PRUNE_EVERY = 100
WORKLOADS = (
    "pods",
    "pods/ephemeralcontainers",
    "replicationcontrollers",
    "services",
    "deployments",
    "statefulsets",
    "daemonsets",
    "replicasets",
    "jobs",
    "cronjobs",
)


@dataclass(frozen=True)
class Latency:
    """The newest calls of one cluster, and what it does when Berth does not answer."""

    calls: int
    refused: int
    p50_ms: float
    p95_ms: float
    fails_open: bool
    timeout_seconds: int


def make(*, by: str | Actor, target: Target, fails_open: bool, timeout_seconds: int) -> tuple[AdmissionHook, str]:
    """Set the webhook of a cluster up anew. Returns it with its token, which is never to be had again."""
    token = learn(secrets.token_urlsafe(32))
    with context(by=by):
        hook, _made = AdmissionHook.objects.update_or_create(
            target=target,
            defaults={
                "token_hash": _hash(token),
                "fails_open": fails_open,
                "timeout_seconds": timeout_seconds,
                "made_at": timezone.now(),
            },
        )
        record("admission.installed", object=target.ref, data={"name": target.slug, "fails_open": fails_open})
    return hook, token


def find(slug: str, token: str) -> AdmissionHook | None:
    """The webhook of this cluster, if the token is its own and the cluster is in use."""
    hook = AdmissionHook.objects.select_related("target").filter(target__slug=slug, target__retired_at=None).first()
    if hook is None or not hmac.compare_digest(hook.token_hash, _hash(token)):
        return None
    # The address is logged where something goes wrong with a call.
    learn(token)
    return hook


def note(hook: AdmissionHook, *, micros: int, allowed: bool) -> None:
    """Keep how long an answer took; every so often, let the old ones go."""
    call = AdmissionCall.objects.create(target=hook.target, micros=micros, allowed=allowed)
    if call.pk % PRUNE_EVERY == 0:
        kept = list(_newest(hook.target).values_list("pk", flat=True)[:NEWEST])
        AdmissionCall.objects.filter(target=hook.target, pk__lt=kept[-1]).delete()


def admission_latency(target: Target) -> Latency | None:
    """How the newest calls went; None for a cluster without a webhook."""
    hook = AdmissionHook.objects.filter(target=target).first()
    if hook is None:
        return None
    calls = list(_newest(target)[:NEWEST])
    times = sorted(call.micros for call in calls)
    return Latency(
        calls=len(calls),
        refused=sum(not call.allowed for call in calls),
        p50_ms=_share(times, 0.50),
        p95_ms=_share(times, 0.95),
        fails_open=hook.fails_open,
        timeout_seconds=hook.timeout_seconds,
    )


def configuration(hook: AdmissionHook, *, url: str, authority: bytes) -> dict[str, Any]:
    """The ValidatingWebhookConfiguration of a cluster; `url` holds the token, `authority` is who signed its server."""
    client = {"url": url, "caBundle": base64.b64encode(authority).decode()}
    managed = {"matchExpressions": [{"key": LABEL, "operator": "Exists"}]}
    own = {
        "clientConfig": client,
        "failurePolicy": "Ignore" if hook.fails_open else "Fail",
        "timeoutSeconds": hook.timeout_seconds,
        # A dry run leaves no decision behind.
        "sideEffects": "NoneOnDryRun",
        "admissionReviewVersions": ["v1"],
        "matchPolicy": "Equivalent",
    }
    workloads = _rule(["", "apps", "batch"], ["CREATE", "UPDATE"], list(WORKLOADS), "Namespaced")
    # A namespace is chosen by its label before the change too, or taking the label off would go unseen.
    namespaces = _rule([""], ["UPDATE"], ["namespaces"], "Cluster")
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"berth-{hook.target.slug}", "labels": {"app.kubernetes.io/managed-by": "berth"}},
        "webhooks": [
            {"name": "workloads.admission.berth", "namespaceSelector": managed, "rules": [workloads], **own},
            {"name": "namespaces.admission.berth", "objectSelector": managed, "rules": [namespaces], **own},
        ],
    }


def _rule(groups: list[str], operations: list[str], resources: list[str], scope: str) -> dict[str, Any]:
    return {"apiGroups": groups, "apiVersions": ["*"], "operations": operations, "resources": resources, "scope": scope}


def _newest(target: Target) -> QuerySet[AdmissionCall]:
    return AdmissionCall.objects.filter(target=target).order_by("-pk")


def _share(times: list[int], share: float) -> float:
    """The value that this share of the sorted times does not exceed, in milliseconds."""
    return round(times[min(len(times) - 1, int(len(times) * share))] / 1000, 1) if times else 0.0


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
