"""A stand-in for the API server at the client's own seam: answers by method and path, and remembers what was asked."""

import json
from dataclasses import dataclass, field

import httpx2

from provisioning.drivers.base import TargetSpec
from provisioning.drivers.kubernetes.connect import Connections

TARGET = TargetSpec("eu-1", {"server": "https://cluster.example.org"}, "targets/eu-1")
TOKEN = "the-token-of-eu-1-0123456789"
CORE = {
    "resources": [
        {"name": "namespaces", "kind": "Namespace", "namespaced": False},
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
        {"name": "pods", "kind": "Pod", "namespaced": True},
        {"name": "pods/log", "kind": "Pod", "namespaced": True},
    ]
}


@dataclass
class Cluster:
    """`answers` maps "METHOD /path" to (status, body) or to an error to raise; unknown ones are 404."""

    answers: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    token: str = TOKEN

    def __post_init__(self):
        self.answers = {"GET /api/v1": (200, CORE), **self.answers}

    def api(self):
        made = Connections(lambda _target: httpx2.MockTransport(self._answer), lambda _target: self.token, 5)
        return made.to(TARGET)

    def _answer(self, request):
        self.asked.append(request)
        found = self.answers.get(f"{request.method} {request.url.path}", (404, status(404, "not found")))
        if isinstance(found, Exception):
            raise found
        code, body = found(request) if callable(found) else found
        return httpx2.Response(code, json=body)

    @property
    def sent(self):
        """Method, path, query and body of every call but the discovery."""
        return [
            (r.method, r.url.path, dict(r.url.params), json.loads(r.content) if r.content else None)
            for r in self.asked
            if r.url.path not in {"/api/v1"}
        ]


def status(code, message, **details):
    return {"kind": "Status", "code": code, "message": message, "details": details}


def config_map(name="web", **meta):
    body = {"name": name, "namespace": "shop", "uid": "u-1", "resourceVersion": "7", **meta}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": body, "data": {"a": "b"}}
