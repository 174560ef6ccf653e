"""One cluster's API in plain dicts over lightkube's client: read, server-side apply, conditional writes, typed errors.

No idea of environments here. Every write of an existing object names the resourceVersion that was read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from lightkube.core.generic_client import BasicRequest, GenericSyncClient

from provisioning.drivers.base import DriverRejected, DriverUnavailable
from provisioning.redaction import Redactor

MANAGER = "berth"
Object = dict[str, Any]
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"
_LONGEST, _LONGEST_CAUSE = 300, 160
_AGAIN = {408, 409, 429}
_PAGE = "500"
# Older servers say 500 of an object whose fields they do not know.
_UNTYPED = "failed to create typed patch object"


class Gone(DriverRejected):
    """The object is not there."""


class Conflict(DriverUnavailable):
    """The object changed since it was read, or exists already."""


class Forbidden(DriverRejected):
    """The account may not do this."""


class Unauthorised(DriverRejected):
    """The cluster does not accept the token."""


@dataclass(frozen=True)
class Kind:
    """One kind of objects as the cluster serves it."""

    api_version: str
    name: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """The URL path of the collection, or of one object in it."""
        root = f"apis/{self.api_version}" if "/" in self.api_version else f"api/{self.api_version}"
        place = f"{root}/namespaces/{namespace}" if self.namespaced and namespace else root
        return f"{place}/{self.plural}/{name}" if name else f"{place}/{self.plural}"


class Api:
    """Calls to one cluster. `renew` gives a client with a token read anew, for the one retry after a 401."""

    def __init__(
        self, client: GenericSyncClient, *, limit_s: float, renew: Callable[[], GenericSyncClient] | None = None
    ) -> None:
        self._client, self._renew = client, renew
        self._limit = f"{max(1, int(limit_s))}s"
        self._kinds: dict[str, dict[str, Kind]] = {}

    def version(self) -> str:
        """The version of the cluster, such as v1.31.2."""
        return str(self._ask("GET", "version")["gitVersion"])

    def kind(self, api_version: str, name: str) -> Kind:
        """How the cluster serves a kind. Raises DriverRejected when it does not."""
        if api_version not in self._kinds:
            self._kinds[api_version] = self._discover(api_version)
        found = self._kinds[api_version].get(name)
        if found is None:
            del self._kinds[api_version]
            raise DriverRejected(f"The cluster does not know the kind {name} of {api_version}.")
        return found

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """One object, or None when it is not there."""
        try:
            return self._ask("GET", kind.path(namespace, name))
        except Gone:
            return None

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "") -> list[Object]:
        """Every object of a kind in a namespace ("" for all), of those with the labels."""
        found: list[Object] = []
        params = {"limit": _PAGE, **({"labelSelector": labels} if labels else {})}
        while True:
            page = self._ask("GET", kind.path(namespace), params=params)
            # Items of a list carry neither kind nor version.
            found += [{"apiVersion": kind.api_version, "kind": kind.name, **item} for item in page.get("items") or []]
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                return found
            params = {**params, "continue": following}

    def create(self, kind: Kind, body: Object, *, dry_run: bool = False) -> Object:
        """Make an object that must not be there yet; raises Conflict when it is."""
        params = {"fieldManager": MANAGER, **_dry(dry_run)}
        return self._ask("POST", kind.path(_namespace(body)), params=params, body=body)

    def apply(self, kind: Kind, body: Object, *, dry_run: bool = False) -> Object:
        """Server-side apply with our field manager. Conditional when the body names a resourceVersion."""
        params = {"fieldManager": MANAGER, "force": "true", **_dry(dry_run)}
        path = kind.path(_namespace(body), body["metadata"]["name"])
        return self._ask("PATCH", path, params=params, body=body, content=_APPLY)

    def merge(self, kind: Kind, live: Object, patch: Object, *, manager: str, dry_run: bool = False) -> Object:
        """Merge a few fields into an object, if it is still as `live`."""
        meta = {**patch.get("metadata", {}), "resourceVersion": live["metadata"]["resourceVersion"]}
        params = {"fieldManager": manager, **_dry(dry_run)}
        path = kind.path(_namespace(live), live["metadata"]["name"])
        return self._ask("PATCH", path, params=params, body={**patch, "metadata": meta}, content=_MERGE)

    def own(self, kind: Kind, live: Object) -> Object:
        """Turn what our creation wrote into fields of our server-side apply, so that a later apply can drop them."""
        fields = [{**e, "operation": "Apply"} if _is_created(e) else e for e in _managed(live)]
        version = live["metadata"]["resourceVersion"]
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": fields},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        ]
        path = kind.path(_namespace(live), live["metadata"]["name"])
        return self._ask("PATCH", path, params={"fieldManager": MANAGER}, body=patch, content=_JSON_PATCH)

    def delete(self, kind: Kind, live: Object) -> None:
        """Remove an object with what belongs to it, if it is still as `live`. Absence is fine."""
        meta = live["metadata"]
        conditions = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": conditions,
        }
        try:
            self._ask("DELETE", kind.path(_namespace(live), meta["name"]), body=body)
        except Gone:
            return

    def ask_whether_may(self, verb: str, group: str, resource: str) -> bool:
        """Whether our account may do this in every namespace."""
        wanted = {"verb": verb, "group": group, "resource": resource}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": wanted},
        }
        answer = self._ask("POST", "apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)
        return bool((answer.get("status") or {}).get("allowed"))

    def _discover(self, api_version: str) -> dict[str, Kind]:
        try:
            served = self._ask("GET", Kind(api_version, "", "", False).path("").rstrip("/"))
        except Gone:
            return {}
        return {
            entry["kind"]: Kind(api_version, entry["kind"], entry["name"], bool(entry["namespaced"]))
            for entry in served.get("resources") or []
            if "/" not in entry["name"]
        }

    def _ask(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Any = None, content: str = ""
    ) -> Object:
        try:
            return self._send(method, path, params or {}, body, content)
        except Unauthorised:
            if self._renew is None:
                raise
            self._client = self._renew()
            return self._send(method, path, params or {}, body, content)

    def _send(self, method: str, path: str, params: Mapping[str, str], body: Any, content: str) -> Object:
        limits = {} if method == "GET" else {"timeout": self._limit}
        asked = BasicRequest(method, path, params={**params, **limits}, data=body)
        asked.headers = {"Content-Type": content} if content else None
        try:
            answer = self._client.send(self._client.build_adapter_request(asked))
        except httpx2.HTTPError as problem:
            raise DriverUnavailable(f"The cluster does not answer ({type(problem).__name__}).") from None
        if answer.status_code >= 400:
            raise refusal(answer.status_code, _status_of(answer.content), path)
        found = json.loads(answer.content)
        return found if isinstance(found, dict) else {}


def refusal(code: int, status: Mapping[str, Any], path: str) -> Exception:
    """The typed error for a refused call; names object and field, holds nothing that looks like a credential."""
    said = _sentence(status, path)
    causes = (status.get("details") or {}).get("causes") or []
    if code == 404:
        return Gone(said)
    if code == 401:
        return Unauthorised("The cluster does not accept the account's token. Store a new one for this target.")
    if code == 409:
        return Conflict(said)
    if code >= 500 and _UNTYPED in said:
        return DriverRejected(said)
    if code in _AGAIN or code >= 500 or any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        return DriverUnavailable(said)
    return Forbidden(said) if code == 403 else DriverRejected(said)


def is_created_only(live: Mapping[str, Any]) -> bool:
    """Whether a creation of ours was not yet turned into an apply: its writer died in between."""
    return any(_is_created(entry) for entry in _managed(live))


def _sentence(status: Mapping[str, Any], path: str) -> str:
    details = status.get("details") or {}
    subject = f"{details.get('kind') or path.rsplit('/', 2)[-2]} {details.get('name') or ''}".strip()
    causes = [f"{c['field']}: {_short(c.get('message', ''))}" for c in details.get("causes") or [] if c.get("field")]
    words = "; ".join(causes) if causes else str(status.get("message") or "refused")
    return Redactor()(f"{subject}: {words}").replace("\n", " ")[:_LONGEST]


def _short(message: str) -> str:
    """Without the whole value, which the server puts before the reason when a large field is refused."""
    return message if len(message) <= _LONGEST_CAUSE else message.rpartition(": ")[2]


def _status_of(content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _managed(live: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(live["metadata"].get("managedFields") or [])


def _is_created(entry: Mapping[str, Any]) -> bool:
    return entry.get("manager") == MANAGER and entry.get("operation") == "Update" and not entry.get("subresource")


def _namespace(body: Mapping[str, Any]) -> str:
    return str(body["metadata"].get("namespace") or "")


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}
