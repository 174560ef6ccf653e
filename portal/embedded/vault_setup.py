"""What Berth needs inside Vault: mounts, keys, policies, the workers' AppRole. Idempotent, at every start."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.embedded.failure import StartError

BERTH = "auth/approle/role/berth"
POLICY = """
path "kv/data/env/*" { capabilities = ["create", "read", "update", "patch", "delete"] }
path "kv/metadata/env/*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }
path "kv/delete/env/*" { capabilities = ["create", "update"] }
path "kv/undelete/env/*" { capabilities = ["create", "update"] }
path "kv/destroy/env/*" { capabilities = ["create", "update"] }
path "kv/data/targets/*" { capabilities = ["create", "read", "update"] }
path "kv/metadata/targets/*" { capabilities = ["read", "list", "delete"] }
path "sys/policies/acl/env-*" { capabilities = ["create", "read", "update", "delete"] }
path "sys/policy/env-*" { capabilities = ["create", "read", "update", "delete"] }
path "auth/approle/role/env-*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "transit/hmac/berth-hmac" { capabilities = ["create", "update"] }
path "transit/hmac/berth-hmac/*" { capabilities = ["create", "update"] }
path "transit/sign/berth-sign" { capabilities = ["create", "update"] }
path "transit/sign/berth-sign/*" { capabilities = ["create", "update"] }
path "transit/verify/berth-*" { capabilities = ["create", "update"] }
path "transit/keys/berth-sign" { capabilities = ["read"] }
path "transit/encrypt/berth-state" { capabilities = ["create", "update"] }
path "transit/decrypt/berth-state" { capabilities = ["create", "update"] }
"""
SETUP_POLICY = """
path "sys/mounts" { capabilities = ["read"] }
path "sys/mounts/kv" { capabilities = ["create", "update"] }
path "sys/mounts/transit" { capabilities = ["create", "update"] }
path "sys/policies/acl/berth" { capabilities = ["create", "read", "update"] }
path "transit/keys/berth-hmac" { capabilities = ["create", "read", "update"] }
path "transit/keys/berth-sign" { capabilities = ["create", "read", "update"] }
path "transit/keys/berth-state" { capabilities = ["create", "read", "update"] }
path "auth/approle/role/berth" { capabilities = ["create", "read", "update"] }
path "auth/approle/role/berth/*" { capabilities = ["create", "read", "update", "delete", "list"] }
"""
MOUNTS: dict[str, dict[str, Any]] = {
    "kv": {"type": "kv", "options": {"version": "2"}},
    "transit": {"type": "transit"},
}
KEYS: dict[str, dict[str, Any]] = {
    "berth-hmac": {"type": "hmac", "key_size": 32},
    "berth-sign": {"type": "ed25519"},
    "berth-state": {"type": "aes256-gcm96"},
}


@dataclass(frozen=True)
class Issued:
    """How the workers sign in; the secret-id is new at every start."""

    role_id: str
    secret_id: str


class RefusedError(Exception):
    """Vault answered with an error status."""


class Client:
    """The few HTTP calls of setting up; the portal itself uses hvac."""

    def __init__(self, address: str) -> None:
        self._host = address.removeprefix("http://")
        self._token = ""

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One request below /v1/; raises RefusedError for 4xx and 5xx, OSError when nobody answers."""
        connection = http.client.HTTPConnection(self._host, timeout=10)
        try:
            headers = {"X-Vault-Token": self._token} if self._token else {}
            connection.request(method, f"/v1/{path}", json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise RefusedError(f"{method} {path}: {response.status} {content.decode(errors='replace')[:300].strip()}")
        return json.loads(content) if content else {}

    def sign_in(self, credentials: Mapping[str, str]) -> None:
        """Take a token by AppRole for the calls that follow."""
        self._token = self.call("POST", "auth/approle/login", credentials)["auth"]["client_token"]

    def can_sign_in(self, credentials: Mapping[str, str]) -> bool:
        """Whether the server is active and initialised; the token is given back at once."""
        try:
            self.sign_in(credentials)
            self.call("POST", "auth/token/revoke-self")
        except (RefusedError, OSError, http.client.HTTPException):
            return False
        return True


def prepare(address: str, credentials: Mapping[str, str]) -> Issued:
    """Make or repair everything and issue the workers' secret-id; our own token is revoked at the end."""
    client = Client(address)
    try:
        client.sign_in(credentials)
        mount(client)
        client.call("PUT", "sys/policies/acl/berth", {"policy": POLICY})
        client.call("POST", BERTH, {"token_policies": ["berth"], "token_ttl": "1h", "token_max_ttl": "24h"})
        issued = renew_secret_id(client)
        client.call("POST", "auth/token/revoke-self")
    except RefusedError as problem:
        raise StartError(f"OpenBao refused to be set up: {problem}.") from problem
    return issued


def mount(client: Client) -> None:
    """Mount the engines and make the keys; what exists stays as it is."""
    mounted = client.call("GET", "sys/mounts")["data"]
    for path, settings in MOUNTS.items():
        if f"{path}/" not in mounted:
            client.call("POST", f"sys/mounts/{path}", settings)
    for key, kind in KEYS.items():
        client.call("POST", f"transit/keys/{key}", kind)


def renew_secret_id(client: Client) -> Issued:
    """A new secret-id; those issued at earlier starts end."""
    try:
        earlier = client.call("LIST", f"{BERTH}/secret-id")["data"]["keys"]
    except RefusedError:
        earlier = []
    secret_id = client.call("POST", f"{BERTH}/secret-id", {"metadata": "{}"})["data"]["secret_id"]
    for accessor in earlier:
        client.call("POST", f"{BERTH}/secret-id-accessor/destroy", {"secret_id_accessor": accessor})
    return Issued(client.call("GET", f"{BERTH}/role-id")["data"]["role_id"], secret_id)
