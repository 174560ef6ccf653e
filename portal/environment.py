"""Reads and checks the process environment for settings.py: one clear sentence for each bad variable.

No Django import here; nothing is read from files except the secrets that a variable points to.
"""

import os
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HERE = "http://127.0.0.1:8000"


class BadEnvironment(Exception):
    """A variable is missing or malformed. The message is the sentence to show."""


@dataclass(frozen=True)
class Berth:
    """What Berth itself needs to know, beside what Django needs. Durations in seconds."""

    var: Path
    public_url: str
    router_port: int
    lease_seconds: int
    call_limit_seconds: int
    force_cancel_seconds: int
    sandbox_database_url: str
    sandbox_redis_url: str
    vault_addr: str
    vault_role_id: str
    vault_secret_id_file: str
    vault_token_file: str
    owner_role: str
    app_role: str
    audit_role: str
    warn_before_hours: int
    grace_hours: int
    extra_drivers: tuple[str, ...]
    terraform: str
    state_url: str
    pools: tuple[str, ...]
    opa_url: str


class Variables:
    """Typed access to one mapping of environment variables."""

    def __init__(self, source: Mapping[str, str] | None = None) -> None:
        self.source = os.environ if source is None else source

    def text(self, name: str, default: str | None = None) -> str:
        value = self.source.get(name, "")
        if value:
            return value
        if default is None:
            raise BadEnvironment(f"{name} is not set. Set it, or start with `make run`, which sets everything.")
        return default

    def whole(self, name: str, default: int, *, at_least: int = 0) -> int:
        value = self.text(name, str(default))
        try:
            number = int(value)
        except ValueError:
            raise BadEnvironment(f"{name} must be a whole number, not {value!r}.") from None
        if number < at_least:
            raise BadEnvironment(f"{name} must be at least {at_least}, not {number}.")
        return number

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.text(name, "1" if default else "0").lower()
        if value not in {"0", "1", "true", "false"}:
            raise BadEnvironment(f"{name} must be 1 or 0, not {value!r}.")
        return value in {"1", "true"}

    def listed(self, name: str, default: str) -> list[str]:
        return [part.strip() for part in self.text(name, default).split(",") if part.strip()]

    def pools(self, name: str) -> tuple[str, ...]:
        """Tags of worker pools; the word `default` stands for the pool without a tag, which is also the default."""
        tags = self.listed(name, "default")
        for tag in tags:
            if not re.fullmatch(r"[a-z0-9-]{1,40}", tag):
                raise BadEnvironment(f"{name} names pools in small letters, digits and hyphens, not {tag!r}.")
        return tuple("" if tag == "default" else tag for tag in tags)

    def database(self, name: str) -> dict[str, Any]:
        """A Django DATABASES entry from `postgresql://user:password@host:port/name`."""
        parts = self._url(name, ("postgres", "postgresql"))
        if not parts.path.strip("/"):
            raise BadEnvironment(f"{name} names no database: postgresql://user:password@host:5432/berth is the form.")
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": urllib.parse.unquote(parts.path.strip("/")),
            "USER": urllib.parse.unquote(parts.username or ""),
            "PASSWORD": urllib.parse.unquote(parts.password or ""),
            "HOST": urllib.parse.unquote(parts.hostname or ""),
            "PORT": str(parts.port or 5432),
            "CONN_MAX_AGE": None,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {"connect_timeout": 5, "application_name": self.text("BERTH_PROCESS", "berth")},
        }

    def url(self, name: str, schemes: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(name, default)
        if value:
            self._check(name, value, schemes)
        return value

    def _url(self, name: str, schemes: tuple[str, ...]) -> urllib.parse.SplitResult:
        return self._check(name, self.text(name), schemes)

    @staticmethod
    def _check(name: str, value: str, schemes: tuple[str, ...]) -> urllib.parse.SplitResult:
        try:
            parts = urllib.parse.urlsplit(value)
            _ = parts.port
        except ValueError:
            raise BadEnvironment(f"{name} is not a valid address.") from None
        if parts.scheme not in schemes:
            wanted = " or ".join(f"{scheme}://" for scheme in schemes)
            raise BadEnvironment(f"{name} must start with {wanted}.")
        return parts


def berth(read: Variables, base: Path) -> Berth:
    """Berth's own part of the environment, checked."""
    return Berth(
        var=Path(read.text("BERTH_VAR", str(base / "var"))).resolve(),
        public_url=read.url("BERTH_PUBLIC_URL", ("http", "https"), _HERE).rstrip("/"),
        router_port=read.whole("BERTH_ROUTER_PORT", 8001, at_least=1),
        lease_seconds=read.whole("BERTH_LEASE_SECONDS", 30, at_least=2),
        call_limit_seconds=read.whole("BERTH_CALL_LIMIT_SECONDS", 10, at_least=1),
        force_cancel_seconds=read.whole("BERTH_FORCE_CANCEL_SECONDS", 60, at_least=0),
        sandbox_database_url=read.url("SANDBOX_DATABASE_URL", ("postgres", "postgresql"), ""),
        sandbox_redis_url=read.url("SANDBOX_REDIS_URL", ("redis", "rediss"), ""),
        vault_addr=read.url("VAULT_ADDR", ("http", "https"), ""),
        vault_role_id=read.text("VAULT_ROLE_ID", ""),
        vault_secret_id_file=read.text("VAULT_SECRET_ID_FILE", ""),
        vault_token_file=read.text("VAULT_TOKEN_FILE", ""),
        owner_role=read.text("BERTH_OWNER_ROLE", "berth_owner"),
        app_role=read.text("BERTH_APP_ROLE", "berth_app"),
        audit_role=read.text("BERTH_AUDIT_ROLE", "berth_audit"),
        warn_before_hours=read.whole("BERTH_WARN_BEFORE_HOURS", 24, at_least=0),
        grace_hours=read.whole("BERTH_GRACE_HOURS", 168, at_least=0),
        extra_drivers=tuple(read.listed("BERTH_EXTRA_DRIVERS", "")),
        terraform=read.text("BERTH_TERRAFORM", ""),
        state_url=read.url("BERTH_STATE_URL", ("http", "https"), read.text("BERTH_PUBLIC_URL", _HERE)).rstrip("/"),
        pools=read.pools("BERTH_POOLS"),
        opa_url=read.url("BERTH_OPA_URL", ("http", "https"), "").rstrip("/"),
    )
