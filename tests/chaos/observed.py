"""What really exists, asked of each server directly and never through the driver, and what should, from the record.

Things are named (environment, address): the environment by its id where the server knows it, else by the part of
the id that stands in the thing's name.
"""

import contextlib
import http.client
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hvac
import psycopg
import redis

from provisioning.drivers.sandbox.names import Names
from provisioning.models import Environment
from provisioning.states import EnvironmentStatus as E
from tests.chaos.driver import ADDRESSES, read
from tests.chaos.installation import Installation

Found = dict[tuple[str, str], Any]
# Where a workload lives is shown to nobody else; only root may look all the same.
SEES_PROCESSES = os.geteuid() == 0
UNREACHABLE = (psycopg.Error, redis.RedisError, hvac.exceptions.VaultError, OSError)


@dataclass
class Eyes:
    """Looks at one installation. Raises one of UNREACHABLE while a server is away."""

    made: Installation

    def look(self) -> Found:
        """Everything there is that belongs, or once belonged, to an environment."""
        found: Found = {}
        for part in (self._databases(), self._caches(), self._vault(), self._processes(), self._routes()):
            found.update(part)
        found.update(self._files())
        return found

    def _databases(self) -> Iterator[tuple[tuple[str, str], Any]]:
        with psycopg.connect(self.made.admin_url, connect_timeout=2, autocommit=True) as db:
            sessions = Counter(name for (name,) in db.execute("SELECT datname FROM pg_stat_activity"))
            for name, limit in db.execute("SELECT datname, datconnlimit FROM pg_database WHERE datname LIKE 'env\\_%'"):
                state = "open" if limit else "closing" if sessions[name] else "closed"
                yield (name[-8:], "database"), state
            for (name,) in db.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'env\\_%'"):
                yield (name[-8:], "role"), True

    def _caches(self) -> Iterator[tuple[tuple[str, str], Any]]:
        with redis.Redis.from_url(self.made.env["SANDBOX_REDIS_URL"], socket_timeout=2, decode_responses=True) as cache:
            for _, name, state, *_ in (line.split() for line in cache.acl_list()):
                if name.startswith("env-"):
                    yield (name[-8:], "cache user"), state
            for key in cache.scan_iter("env:*", count=1000):
                yield (key.split(":")[1].replace("-", "")[:8], "cache keys"), True

    def _vault(self) -> Iterator[tuple[tuple[str, str], Any]]:
        client = hvac.Client(self.made.env["VAULT_ADDR"], timeout=3)
        secret = Path(self.made.env["VAULT_SECRET_ID_FILE"]).read_text().strip()
        client.auth.approle.login(self.made.env["VAULT_ROLE_ID"], secret)
        for address, path in (("policy", "sys/policies/acl"), ("approle", "auth/approle/role")):
            for name in _listed(client, path):
                if name.startswith("env-"):
                    yield (name[-8:], address), True
        for folder in _listed(client, "kv/metadata/env"):
            names = sorted(_listed(client, f"kv/metadata/env/{folder}"))
            yield (folder.rstrip("/")[-8:], "secrets"), names
        client.auth.token.revoke_self()

    def _processes(self) -> Iterator[tuple[tuple[str, str], Any]]:
        """By the directory in which each workload lives."""
        below = self.made.var / "workloads"
        living: Counter[str] = Counter()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and (place := (entry / "cwd").readlink()).is_relative_to(below):
                    living[place.relative_to(below).parts[0].replace("-", "")[:8]] += 1
        for environment, count in living.items():
            yield (environment, "processes"), count

    def _routes(self) -> Iterator[tuple[tuple[str, str], Any]]:
        """The hosts in nginx's configuration, and what answers on each."""
        config = self.made.var / "router" / "nginx.conf"
        for line in config.read_text().splitlines():
            words = line.strip().rstrip(";").split()
            hosts = [word for word in words[1:] if word.endswith(".localhost")] if words[:1] == ["server_name"] else []
            for host in hosts:
                yield (host.removesuffix(".localhost"), "route"), self._answer(host)

    def _answer(self, host: str) -> Any:
        client = http.client.HTTPConnection("127.0.0.1", self.made.router_port, timeout=2)
        try:
            client.request("GET", "/", headers={"Host": host, "Accept": "application/json"})
            answer = client.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return "nothing"
        finally:
            client.close()
        if answer.status != 200:
            return answer.status
        said = json.loads(body)
        return said.get("environment"), said.get("release", {}).get("version", "")

    def _files(self) -> Iterator[tuple[tuple[str, str], Any]]:
        for file in self.made.files.glob("*/?.json"):
            if (state := read(file)["state"]) is not None:
                yield (file.parent.name.replace("-", "")[:8], f"file {file.stem}"), state


def _listed(client: hvac.Client, path: str) -> list[str]:
    answer = client.list(path)
    return answer["data"]["keys"] if answer else []


def wanted(environment: Environment) -> Found:
    """What the record says must exist for an environment that rests: running or suspended."""
    names = Names(str(environment.pk), environment.name)
    running = environment.status == E.READY
    if environment.driver == "counted":
        state = {
            "running": running,
            "parameters": environment.parameters,
            "release": environment.release.get("version", ""),
        }
        return {(names.id8, f"file {address}"): state for address in ADDRESSES}
    resources = environment.template_version.spec["resources"]
    found: Found = {(names.id8, "policy"): True, (names.id8, "approle"): True}
    found[names.id8, "secrets"] = sorted(name for name in ("database", "cache") if resources.get(name))
    if resources.get("database"):
        found |= {(names.id8, "role"): True, (names.id8, "database"): "open" if running else "closed"}
    if resources.get("cache"):
        found[names.id8, "cache user"] = "on" if running else "off"
    if resources.get("workload"):
        if running and SEES_PROCESSES:
            found[names.id8, "processes"] = 1
        release = environment.release.get("version", "")
        found[names.label, "route"] = (names.label, release) if running else 503
    return found
