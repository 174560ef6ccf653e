"""Speaks to an API server for the tests' own purposes: objects in, objects out. The drivers have their own client."""

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

Object = dict[str, Any]


@dataclass(frozen=True)
class Address:
    """Where a cluster answers, and as whom to speak."""

    url: str
    authority: str
    token: str


def address(kubeconfig: Path) -> Address:
    """What a kubeconfig with embedded certificate authority and a token says; raises KeyError for other kinds."""
    document = yaml.safe_load(kubeconfig.read_text())
    named = {kind: {entry["name"]: entry for entry in document[kind]} for kind in ("contexts", "clusters", "users")}
    context = named["contexts"][document["current-context"]]["context"]
    cluster = named["clusters"][context["cluster"]]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return Address(cluster["server"], authority, named["users"][context["user"]]["user"]["token"])


class Client:
    """Raw paths of the API; a refusal raises httpx.HTTPStatusError."""

    def __init__(self, where: Address) -> None:
        trust = ssl.create_default_context(cadata=where.authority)
        headers = {"Authorization": f"Bearer {where.token}"}
        self.http = httpx.Client(base_url=where.url, verify=trust, headers=headers, timeout=30, trust_env=False)

    def get(self, path: str, **query: str) -> Object:
        """One object, or a list."""
        return self._answer(self.http.get(path, params=query))

    def items(self, path: str, **query: str) -> list[Object]:
        """The objects of a list; none when the server does not know the kind."""
        answer = self.http.get(path, params=query)
        return [] if answer.status_code == httpx.codes.NOT_FOUND else self._answer(answer)["items"]

    def create(self, path: str, body: Object) -> Object:
        """Make an object below a collection."""
        return self._answer(self.http.post(path, json=body))

    def merge(self, path: str, body: Object) -> Object:
        """Merge into an object, or into its status."""
        headers = {"Content-Type": "application/merge-patch+json"}
        return self._answer(self.http.patch(path, json=body, headers=headers))

    def apply(self, path: str, body: Object) -> Object:
        """Make or change an object by server-side apply."""
        headers = {"Content-Type": "application/apply-patch+yaml"}
        query = {"fieldManager": "berth-test", "force": "true"}
        return self._answer(self.http.patch(path, json=body, headers=headers, params=query))

    def delete(self, path: str, **options: object) -> None:
        """Remove an object; one that is gone already is as good."""
        answer = self.http.request("DELETE", path, json={"kind": "DeleteOptions", "apiVersion": "v1", **options})
        if answer.status_code != httpx.codes.NOT_FOUND:
            self._answer(answer)

    def is_ready(self) -> bool:
        """Whether the server says that it serves."""
        try:
            return self.http.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def close(self) -> None:
        """Let the connections go."""
        self.http.close()

    @staticmethod
    def _answer(answer: httpx.Response) -> Object:
        if answer.is_error:
            said = answer.text[:600]
            raise httpx.HTTPStatusError(f"{answer.status_code}: {said}", request=answer.request, response=answer)
        body: Object = answer.json()
        return body
