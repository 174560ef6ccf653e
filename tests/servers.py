"""Real servers for one test session: Postgres, two Valkeys, OpenBao. The test database is the conftest's business."""

from dataclasses import dataclass
from pathlib import Path

import psycopg

from portal.embedded import roles, servers, state


@dataclass
class Running:
    """Addresses as environment variables, and how to end the servers."""

    env: dict[str, str]
    admin_url: str
    servers: servers.Servers

    def stop(self) -> None:
        """End all of them; nothing is left running."""
        self.servers.stop()


def start(base_dir: Path) -> Running:
    """Start everything below `base_dir` (made if missing), without syncing to disk.

    The owner may create databases; they are born with the grants of the main one.
    """
    (base_dir / "log").mkdir(parents=True, exist_ok=True)
    base_dir.chmod(0o711)
    kept = state.load(base_dir)
    running = servers.start(base_dir, kept, {}, durable=False)
    assert running.cluster
    with psycopg.connect(running.cluster.admin_url, autocommit=True) as connection:
        connection.execute("ALTER ROLE berth_owner CREATEDB")
        connection.execute("GRANT CONNECT ON DATABASE postgres TO berth_owner")
        connection.execute("GRANT SET ON PARAMETER deadlock_timeout, session_replication_role TO berth_owner")
    with psycopg.connect(running.cluster.admin_url, dbname="template1", autocommit=True) as connection:
        connection.execute(roles.GRANTS)
    env = running.env | {"SECRET_KEY": kept.password("secret-key"), "BERTH_VAR": str(base_dir)}
    return Running(env, running.cluster.admin_url, running)


def start_all(base_dir: Path) -> dict[str, str]:
    """Start and return only the variables; `stop()` ends what was started last."""
    global last
    last = start(base_dir)
    return last.env


def stop() -> None:
    """End what `start_all` started."""
    if last:
        last.stop()


last: Running | None = None
