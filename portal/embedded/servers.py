"""Starts the servers that are not given by address; says in environment variables how to reach them all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from portal.embedded import openbao, postgres, roles, valkey
from portal.embedded.failure import StartError
from portal.embedded.process import Process
from portal.embedded.state import State

# An address of somebody else's server brings these with it.
COMPANIONS = {
    "DATABASE_URL": ("DATABASE_OWNER_URL", "SANDBOX_DATABASE_URL"),
    "REDIS_URL": ("SANDBOX_REDIS_URL",),
}


@dataclass
class Servers:
    """What runs (in starting order) and the addresses and secrets of everything."""

    processes: list[Process] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    cluster: postgres.Postgres | None = None

    def stop(self, forced: Callable[[], bool] = lambda: False) -> None:
        """Stop in reverse order, so that OpenBao ends before its Postgres."""
        for process in reversed(self.processes):
            process.stop(forced)


def start(var: Path, state: State, given: Mapping[str, str], *, durable: bool = True) -> Servers:
    """Start what `given` (an environment) does not name; stops everything again when one fails."""
    check_given(given)
    servers = Servers()
    try:
        start_postgres(servers, var, state, given, durable=durable)
        start_valkeys(servers, var, state, given)
        start_vault(servers, var, state, given)
    except BaseException:
        servers.stop()
        raise
    return servers


def check_given(given: Mapping[str, str]) -> None:
    """Refuse an address that comes without what belongs to it."""
    for name, companions in COMPANIONS.items():
        missing = [companion for companion in companions if given.get(name) and not given.get(companion)]
        if missing:
            raise StartError(f"{name} is set, so {' and '.join(missing)} must be set too.")
    if given.get("DATABASE_URL") and not given.get("VAULT_ADDR"):
        raise StartError("The embedded OpenBao needs the embedded Postgres: with DATABASE_URL, set VAULT_ADDR too.")
    role = given.get("VAULT_ROLE_ID") and given.get("VAULT_SECRET_ID_FILE")
    if given.get("VAULT_ADDR") and not role and not given.get("VAULT_TOKEN_FILE"):
        raise StartError(
            "VAULT_ADDR is set, so VAULT_ROLE_ID and VAULT_SECRET_ID_FILE, or VAULT_TOKEN_FILE, must be too."
        )


def start_postgres(servers: Servers, var: Path, state: State, given: Mapping[str, str], *, durable: bool) -> None:
    """Start Postgres and make roles and databases, or check the one that was given."""
    if given.get("DATABASE_URL"):
        postgres.check_external(given["DATABASE_URL"])
        copy(servers, given, ("DATABASE_URL", *COMPANIONS["DATABASE_URL"]))
        return
    server = postgres.start(var, state, durable=durable)
    servers.processes.append(server.process)
    passwords = {role: state.password(role) for role in roles.LOGIN_ROLES}
    roles.bootstrap(server.admin_url, passwords)
    servers.cluster = server
    servers.env |= {
        "DATABASE_URL": server.url("berth_app", passwords["berth_app"], "berth"),
        "DATABASE_OWNER_URL": server.url("berth_owner", passwords["berth_owner"], "berth"),
        "SANDBOX_DATABASE_URL": server.url("berth_sandbox", passwords["berth_sandbox"], "postgres"),
    }


def start_valkeys(servers: Servers, var: Path, state: State, given: Mapping[str, str]) -> None:
    """Start broker and data server, or take the ones that were given."""
    if given.get("REDIS_URL"):
        copy(servers, given, ("REDIS_URL", *COMPANIONS["REDIS_URL"]))
        return
    for name, launch in (("REDIS_URL", valkey.start_broker), ("SANDBOX_REDIS_URL", valkey.start_data)):
        server = launch(var, state)
        servers.processes.append(server.process)
        servers.env[name] = server.url


def start_vault(servers: Servers, var: Path, state: State, given: Mapping[str, str]) -> None:
    """Start OpenBao in its own database, or take the Vault that was given."""
    if given.get("VAULT_ADDR"):
        names = ("VAULT_ADDR", "VAULT_ROLE_ID", "VAULT_SECRET_ID_FILE", "VAULT_TOKEN_FILE")
        copy(servers, given, tuple(name for name in names if given.get(name)))
        return
    if servers.cluster is None:
        raise StartError("The embedded OpenBao needs the embedded Postgres.")
    storage = servers.cluster.url("berth_openbao", state.password("berth_openbao"), "berth_openbao")
    server = openbao.start(var, state, storage)
    servers.processes.append(server.process)
    servers.env |= server.env


def copy(servers: Servers, given: Mapping[str, str], names: tuple[str, ...]) -> None:
    """Hand given variables on."""
    servers.env |= {name: given[name] for name in names}
