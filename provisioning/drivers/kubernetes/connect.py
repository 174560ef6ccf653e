"""From a registered target to its API: address and CA from the record, the token from Vault, in memory only."""

from __future__ import annotations

import json
import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2
from django.conf import settings
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import Cluster, Context, User
from lightkube.core.generic_client import GenericSyncClient

from provisioning import vault
from provisioning.drivers.base import DriverRejected, EnvironmentSpec, TargetSpec
from provisioning.drivers.kubernetes.api import Api
from provisioning.redaction import learn

NO_TARGET = "This environment names no cluster. Register one as a target and name it in the template."
# It would log every call, many in each step.
logging.getLogger("httpx2").setLevel(logging.WARNING)

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}

# What the account needs, as (verb, API group, resource); checked when a cluster is registered.
NEEDED = (
    *((verb, "", "namespaces") for verb in ("get", "list", "create", "patch", "delete")),
    *((verb, "", "services") for verb in ("list", "create", "patch", "delete")),
    ("create", "", "resourcequotas"),
    ("create", "", "limitranges"),
    ("create", "", "serviceaccounts"),
    ("create", "networking.k8s.io", "networkpolicies"),
    ("create", "rbac.authorization.k8s.io", "rolebindings"),
    *((verb, "apps", "deployments") for verb in ("list", "create", "patch", "delete")),
    ("list", "", "pods"),
)


class Connections:
    """One API for each target, made when first needed and again when its record changed.

    `transport`, `token` and `limit_s` are the seams for tests: what carries the calls, where the credentials come
    from, and how long one call may take (half of the engine's own limit, so that a guard's promise holds).
    """

    def __init__(
        self,
        transport: Callable[[TargetSpec], httpx2.BaseTransport] | None = None,
        token: Callable[[TargetSpec], str] | None = None,
        limit_s: float = 0,
    ) -> None:
        self._transport, self._token, self._limit_s = transport or _transport, token or _token, limit_s
        self._known: dict[str, Api] = {}
        self._lock = threading.Lock()

    def of(self, spec: EnvironmentSpec) -> Api:
        """The API of the environment's cluster."""
        if spec.target is None:
            raise DriverRejected(NO_TARGET)
        return self.to(spec.target)

    def to(self, target: TargetSpec) -> Api:
        """The API of a registered cluster."""
        known_by = json.dumps([target.name, dict(target.config), target.credentials], sort_keys=True, default=str)
        with self._lock:
            if known_by not in self._known:
                self._known[known_by] = self._make(target)
            return self._known[known_by]

    def _make(self, target: TargetSpec) -> Api:
        limit_s = self._limit_s or settings.BERTH.call_limit_seconds / 2

        def client() -> GenericSyncClient:
            user = User(token=self._token(target)) if target.credentials else User()
            return _client(target, user, self._transport(target), limit_s)

        return Api(client(), limit_s=limit_s, renew=client if target.credentials else None)


def check(api: Api, name: str) -> str:
    """Ask the cluster for its version and our rights; a sentence on success, DriverRejected when rights are missing."""
    version = api.version()
    missing = [f"{verb} {what}" for verb, group, what in NEEDED if not api.ask_whether_may(verb, group, what)]
    if missing:
        raise DriverRejected(f"Kubernetes {version} answers, but the account of {name} may not: {', '.join(missing)}.")
    return f"Kubernetes {version} answers; the account may do all {len(NEEDED)} things that were asked."


def server_of(config: Mapping[str, Any]) -> str:
    """The address of the cluster. Plain HTTP is for this machine only, since the token would be read on the way."""
    server = str(config.get("server") or "")
    parts = urlsplit(server)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise DriverRejected("The target needs `server`, the https address of the cluster's API.")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise DriverRejected(f"{server} is plain HTTP. Use https.")
    if parts.username or parts.password:
        raise DriverRejected("The address of the cluster may hold no user or password.")
    return server


def hashed(value: bytes) -> str:
    """A keyed hash of a value that is shown to nobody, so that a change of it is seen."""
    return vault.from_settings().transit_hmac(value)


def _client(target: TargetSpec, user: User, transport: httpx2.BaseTransport, limit_s: float) -> GenericSyncClient:
    config = SingleConfig("berth", Context(cluster="berth"), Cluster(server=server_of(target.config)), user)
    timeout = httpx2.Timeout(limit_s / 2, read=limit_s)
    return GenericSyncClient(ConnectionParams(timeout=timeout, trust_env=False, transport=transport), config)


def _transport(target: TargetSpec) -> httpx2.BaseTransport:
    """TLS with exactly the cluster's own CA when there is one, else with those of this machine."""
    try:
        trust = ssl.create_default_context(cadata=target.config.get("ca") or None)
    except (ssl.SSLError, ValueError):
        raise DriverRejected("The target's `ca` is no certificate in PEM form.") from None
    return httpx2.HTTPTransport(verify=trust)


def _token(target: TargetSpec) -> str:
    found = vault.from_settings().kv_get(target.credentials)
    if found is None or "token" not in found.values:
        raise DriverRejected(f"There is no token at {vault.MOUNT}/{target.credentials} in Vault.")
    return learn(found.values["token"].reveal())
