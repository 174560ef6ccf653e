"""The one door to Vault: AppRole login with re-login, KV v2, policies, AppRoles, wrapping, transit HMAC.

Secret values leave this module only as `Secret`. Which paths exist, and for whom, is decided by the callers.
"""

from __future__ import annotations

import base64
import hmac
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import hvac
import requests
from django.conf import settings
from hvac import exceptions as errors

from provisioning.redaction import learn
from provisioning.vault_errors import VaultConflict, VaultDenied, VaultUnavailable, translated

MOUNT = "kv"
TRANSIT_KEY = "berth-hmac"
STATE_KEY = "berth-state"
TIMEOUT_S = 3.0
ROLE_SESSION_TTL = "10m"
WRAPPED_TTL = "60s"
_RELOGIN_BEFORE_S = 30.0


class Secret:
    """A secret value in memory: masked wherever it is printed, refused by pickle and by json."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('•••')"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        raise TypeError("a Secret is not hashable")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")


@dataclass(frozen=True)
class SecretVersion:
    """What is stored at one KV path: its values and the version they carry."""

    values: Mapping[str, Secret]
    version: int


class Vault:
    """A client that is logged in when it is needed. Thread-safe; every call ends within `timeout_s`."""

    def __init__(
        self,
        addr: str,
        *,
        role_id: str = "",
        secret_id_file: str = "",
        token_file: str = "",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        session = requests.Session()
        session.trust_env = False
        self._client = hvac.Client(url=addr, timeout=timeout_s, session=session)
        self._role_id = role_id
        self._secret_id_file = secret_id_file
        self._token_file = token_file
        self._login_again_at = 0.0
        self._lock = threading.Lock()

    def kv_put(self, path: str, values: Mapping[str, Secret], *, cas: int | None = None) -> int:
        """Write one version and return its number. `cas` is the version that must be there now (0: none)."""
        plain = {name: value.reveal() for name, value in values.items()}
        try:
            answer = self._call(
                path, lambda c: c.secrets.kv.v2.create_or_update_secret(path, plain, cas, mount_point=MOUNT)
            )
        except VaultDenied as refused:
            if isinstance(refused.__cause__, errors.InvalidRequest) and cas is not None:
                raise VaultConflict(f"{path} is not at version {cas}") from None
            raise
        return int(answer["data"]["version"])

    def kv_get(self, path: str, *, version: int | None = None) -> SecretVersion | None:
        """Return what stands at a path, or None when nothing does."""
        data = self._call_or_none(
            path,
            lambda c: c.secrets.kv.v2.read_secret_version(
                path, version=version, mount_point=MOUNT, raise_on_deleted_version=True
            ),
        )
        if data is None:
            return None
        values = {name: Secret(str(value)) for name, value in data["data"]["data"].items()}
        return SecretVersion(values, int(data["data"]["metadata"]["version"]))

    def kv_version(self, path: str) -> int | None:
        """Return the current version of a path without reading its values, or None when nothing stands there."""
        data = self._call_or_none(path, lambda c: c.secrets.kv.v2.read_secret_metadata(path, mount_point=MOUNT))
        return None if data is None else int(data["data"]["current_version"])

    def kv_versions(self, paths: Mapping[str, str]) -> dict[str, int]:
        """Return, by the names given to the paths, the current version of each that stands."""
        found = {name: self.kv_version(path) for name, path in paths.items()}
        return {name: version for name, version in found.items() if version is not None}

    def kv_list(self, path: str) -> tuple[str, ...]:
        """Return the names directly below a path."""
        data = self._call_or_none(path, lambda c: c.secrets.kv.v2.list_secrets(path, mount_point=MOUNT))
        return () if data is None else tuple(data["data"]["keys"])

    def kv_destroy_all(self, path: str) -> None:
        """Remove every version and the metadata of one path; absence is fine."""
        self._call_or_none(path, lambda c: c.secrets.kv.v2.delete_metadata_and_all_versions(path, mount_point=MOUNT))

    def policy_put(self, name: str, rules: str) -> None:
        """Create or replace an ACL policy."""
        self._call(name, lambda c: c.sys.create_or_update_acl_policy(name, rules))

    def policy_exists(self, name: str) -> bool:
        """Tell whether an ACL policy stands."""
        return self._call_or_none(name, lambda c: c.sys.read_acl_policy(name)) is not None

    def policy_delete(self, name: str) -> None:
        """Remove an ACL policy; absence is fine."""
        self._call_or_none(name, lambda c: c.sys.delete_acl_policy(name))

    def approle_put(self, name: str, policies: tuple[str, ...]) -> None:
        """Create or replace a role whose secret-ids work once and whose tokens carry only `policies`."""
        self._call(
            name,
            lambda c: c.auth.approle.create_or_update_approle(
                name,
                bind_secret_id=True,
                token_policies=list(policies),
                token_no_default_policy=True,
                token_ttl=ROLE_SESSION_TTL,
                token_max_ttl=ROLE_SESSION_TTL,
                secret_id_num_uses=1,
                secret_id_ttl=WRAPPED_TTL,
            ),
        )

    def approle_exists(self, name: str) -> bool:
        """Tell whether a role stands."""
        return self._call_or_none(name, lambda c: c.auth.approle.read_role(name)) is not None

    def approle_delete(self, name: str) -> None:
        """Remove a role and so every secret-id of it; absence is fine."""
        self._call_or_none(name, lambda c: c.auth.approle.delete_role(name))

    def role_id(self, role: str) -> str:
        """Return the public half of a role's credentials."""
        return str(self._call(role, lambda c: c.auth.approle.read_role_id(role))["data"]["role_id"])

    def wrapped_secret_id(self, role: str, *, ttl: str = WRAPPED_TTL) -> Secret:
        """Return a single-use wrapping token in which a new secret-id of `role` lies for `ttl`."""
        answer = self._call(role, lambda c: c.auth.approle.generate_secret_id(role, wrap_ttl=ttl))
        return Secret(learn(str(answer["wrap_info"]["token"])))

    def transit_hmac(self, value: bytes) -> str:
        """Return a keyed hash of a value, so that equal secrets compare equal without being stored."""
        text = base64.b64encode(value).decode()
        answer = self._call("transit", lambda c: c.secrets.transit.generate_hmac(TRANSIT_KEY, text))
        return str(answer["data"]["hmac"])

    def transit_encrypt(self, value: bytes, *, of: str) -> str:
        """Return the ciphertext of a value; it can be read only together with `of`, the thing it belongs to."""
        text, bound = base64.b64encode(value).decode(), base64.b64encode(of.encode()).decode()
        answer = self._call("transit", lambda c: c.secrets.transit.encrypt_data(STATE_KEY, text, associated_data=bound))
        return str(answer["data"]["ciphertext"])

    def transit_decrypt(self, ciphertext: str, *, of: str) -> bytes:
        """Return the value; VaultDenied when it was encrypted for another thing."""
        bound = base64.b64encode(of.encode()).decode()
        answer = self._call(
            "transit", lambda c: c.secrets.transit.decrypt_data(STATE_KEY, ciphertext, associated_data=bound)
        )
        return base64.b64decode(answer["data"]["plaintext"])

    def health(self) -> bool:
        """Tell whether Vault answers and is unsealed. Never raises."""
        try:
            with translated("health"):
                answer = self._client.sys.read_health_status(method="GET")
                return isinstance(answer, dict) and not answer["sealed"]
        except (VaultUnavailable, VaultDenied):
            return False

    def _call_or_none(self, path: str, ask: Callable[[hvac.Client], Any]) -> Any:
        try:
            return self._call(path, ask)
        except VaultDenied as refused:
            if isinstance(refused.__cause__, errors.InvalidPath):
                return None
            raise

    def _call(self, path: str, ask: Callable[[hvac.Client], Any]) -> Any:
        """Ask once; on a refusal that a stale token may explain, log in again and ask a second time."""
        fresh = self._log_in(force=False)
        try:
            with translated(path):
                return ask(self._client)
        except VaultDenied as refused:
            if fresh or not isinstance(refused.__cause__, errors.Forbidden):
                raise
        self._log_in(force=True)
        with translated(path):
            return ask(self._client)

    def _log_in(self, *, force: bool) -> bool:
        """Make sure that a token is set; return True when it was obtained just now."""
        with self._lock:
            if not force and self._client.token and time.monotonic() < self._login_again_at:
                return False
            if self._token_file:
                self._client.token = learn(_read(self._token_file))
                self._login_again_at = time.monotonic() + 60
                return True
            with translated("login"):
                answer = self._client.auth.approle.login(
                    self._role_id, learn(_read(self._secret_id_file)), use_token=True
                )
            lease = float(answer["auth"]["lease_duration"])
            self._login_again_at = time.monotonic() + max(1.0, lease - _RELOGIN_BEFORE_S)
            return True


def from_settings() -> Vault:
    """Return a client with the installation's address and credentials."""
    berth = settings.BERTH
    return Vault(
        berth.vault_addr,
        role_id=berth.vault_role_id or "",
        secret_id_file=str(berth.vault_secret_id_file or ""),
        token_file=str(berth.vault_token_file or ""),
    )


def shared() -> Vault:
    """The process' own client with the installation's address: logged in once, not for every call."""
    return _shared(settings.BERTH)


@lru_cache(maxsize=4)
def _shared(_berth: Hashable) -> Vault:
    return from_settings()


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as problem:
        raise VaultUnavailable("the Vault credentials file cannot be read") from problem
