"""A Postgres role and database per environment, made as `berth_sandbox`, fenced by a ledger and a lock.

The ledger lives in the sandbox role's own control database and outlives the environment, so that a late write
of an older operation finds a newer fence there and stops. Whoever takes a newer fence also ends the sessions of older
ones, so that a worker that sleeps inside its own lock neither holds up others nor writes later. Passwords
reach the server only as SCRAM verifiers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from provisioning.drivers.base import DriverRejected, DriverUnavailable, LeaseLost, Resource, StepKey
from provisioning.drivers.sandbox.names import Names
from provisioning.vault import Secret

CONTROL = "berth_sandbox"
CONNECTIONS = 20
# The limit of a database that is still being made: our own session; and Postgres' mark of one half dropped.
_MAKING, _DROPPING = 1, -2
_SESSIONS_END_S = 3.0
_LEDGER = """CREATE TABLE IF NOT EXISTS ledger (environment uuid PRIMARY KEY, fence bigint NOT NULL,
    operation text NOT NULL, connection_limit int, at timestamptz NOT NULL DEFAULT now())"""
_TAKE = """INSERT INTO ledger AS known (environment, fence, operation) VALUES (%s, %s, %s)
    ON CONFLICT (environment) DO UPDATE SET fence = EXCLUDED.fence, operation = EXCLUDED.operation, at = now()
    WHERE known.fence <= EXCLUDED.fence RETURNING fence"""
_END_OLDER = """SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity
    WHERE usename = current_user
      AND CASE WHEN application_name ~ %s THEN split_part(application_name, ':', 3)::bigint < %s ELSE false END"""
# Another's session, such as an operator's backup, is waited for: ending it is not our right. Of such a one we are not
# told backend_type; who has a user is a client.
_END_SESSIONS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = %s AND usesysid IS NOT NULL AND pg_has_role(usesysid, 'USAGE')"""
_COUNT_SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usesysid IS NOT NULL"
_TRANSIENT = (
    psycopg.OperationalError,
    psycopg.errors.ObjectInUse,
    psycopg.errors.QueryCanceled,
    psycopg.errors.LockNotAvailable,
)
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Databases:
    """The sandbox's Postgres server, seen through the role that may make databases there."""

    url: str

    def create(self, names: Names, password: Secret, key: StepKey) -> None:
        """Make role and database, or bring those that stand to the wanted state."""
        with self._fenced(names, key) as db:
            key.guard()
            _make_role(db, names.database, password)
            key.guard()
            self._begin(db, names)
            _run(db, "REVOKE ALL ON DATABASE {0} FROM PUBLIC", names.database)
            key.guard()
            with _session(self.url, names.database, _mark(names, key)) as own:
                _run(own, "GRANT ALL ON SCHEMA public TO {0}", names.database)
            key.guard()
            _run(db, "GRANT CONNECT, TEMPORARY ON DATABASE {0} TO {0}", names.database)
            if _limit(db, names) == _MAKING:
                self._open(db, names)

    def suspend(self, names: Names, key: StepKey) -> None:
        """Let nobody in, end every session, and return only when none is left."""
        with self._fenced(names, key) as db:
            key.guard()
            limit = _limit(db, names)
            if limit is None:
                raise DriverRejected("The database does not exist, so it cannot be suspended.")
            if limit != 0:
                db.execute(
                    "UPDATE ledger SET connection_limit = %s WHERE environment = %s",
                    (limit, names.environment),
                )
                _run(db, "ALTER DATABASE {0} CONNECTION LIMIT 0", names.database)
            _end_sessions(db, names.database)

    def resume(self, names: Names, key: StepKey) -> None:
        """Let sessions in again, as many as before the suspension."""
        with self._fenced(names, key) as db:
            key.guard()
            limit = _limit(db, names)
            if limit is None:
                raise DriverRejected("The database does not exist, so it cannot be resumed.")
            if limit == 0:
                self._open(db, names)

    def drop(self, names: Names, key: StepKey) -> None:
        """Remove database and role; absence is fine.

        Not WITH (FORCE): that fails for whoever is no superuser while autovacuum works there; a plain DROP ends it.
        """
        with self._fenced(names, key) as db:
            key.guard()
            if _limit(db, names) not in {None, _DROPPING}:
                _run(db, "ALTER DATABASE {0} CONNECTION LIMIT 0", names.database)
                _end_sessions(db, names.database)
            _run(db, "DROP DATABASE IF EXISTS {0}", names.database)
            key.guard()
            _run(db, "DROP ROLE IF EXISTS {0}", names.database)

    def observe(self, names: Names) -> Iterator[Resource]:
        """Yield what stands of an environment. A database is `closing` until its last session has ended."""
        with _session(self.url, CONTROL) as db:
            if _row(db, "SELECT 1 FROM pg_roles WHERE rolname = %s", names.database):
                yield Resource("postgres.role", {"name": names.database})
            limit = _limit(db, names)
            if limit is None:
                return
            closed = "closing" if _sessions(db, names.database) else "closed"
            state = {0: closed, _MAKING: "unfinished", _DROPPING: "unfinished"}.get(limit, "open")
            yield Resource("postgres.database", {"name": names.database, "state": state})

    def address(self, names: Names) -> Mapping[str, str]:
        """Return where a workload finds its database; no password."""
        server = conninfo_to_dict(self.url)
        return {
            "host": str(server["host"]),
            "port": str(server.get("port") or 5432),
            "dbname": names.database,
            "user": names.database,
        }

    def _begin(self, db: Connection, names: Names) -> None:
        """Have a database that lets us in, and nobody else before all its rights are set: death may come between."""
        limit = _limit(db, names)
        if limit == _DROPPING:
            _run(db, "DROP DATABASE {0}", names.database)
        if limit in {None, _DROPPING}:
            create: LiteralString = "CREATE DATABASE {0} TEMPLATE template0 CONNECTION LIMIT {limit}"
            _run(db, create, names.database, limit=_MAKING)
        elif limit == 0:
            self._open(db, names)

    @staticmethod
    def _open(db: Connection, names: Names) -> None:
        known = _row(db, "SELECT connection_limit FROM ledger WHERE environment = %s", names.environment)
        limit = known[0] if known and known[0] else CONNECTIONS
        _run(db, "ALTER DATABASE {0} CONNECTION LIMIT {limit}", names.database, limit=limit)

    @contextmanager
    def _fenced(self, names: Names, key: StepKey) -> Iterator[Connection]:
        """Hold the environment's lock for as long as no newer operation has written here."""
        with _session(self.url, CONTROL, _mark(names, key)) as db:
            if not _row(db, _TAKE, names.environment, key.fence, key.operation):
                raise LeaseLost("a newer operation has written to this environment's database")
            db.execute(_END_OLDER, (f"^berth:{names.environment}:[0-9]+$", key.fence))
            db.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (names.environment,))
            yield db


def _mark(names: Names, key: StepKey) -> str:
    """The name of a session that a newer fence may end."""
    return f"berth:{names.environment}:{key.fence}"


@contextmanager
def _session(url: str, database: str, mark: str = "berth") -> Iterator[Connection]:
    try:
        with _connect(url, database, mark) as db:
            yield db
    except _TRANSIENT as problem:
        raise DriverUnavailable(f"Postgres does not answer ({type(problem).__name__})") from problem
    except psycopg.Error as problem:
        raise DriverRejected(f"Postgres refused the change ({type(problem).__name__}).") from problem


def _connect(url: str, database: str, mark: str) -> Connection:
    options = "-c statement_timeout=8s -c lock_timeout=5s -c client_min_messages=warning"
    settings = {
        "application_name": mark,
        "dbname": database,
        "connect_timeout": 3,
        "options": options,
        "autocommit": True,
    }
    try:
        return psycopg.connect(url, **settings)  # type: ignore[arg-type]
    except psycopg.OperationalError:
        if database != CONTROL or not _prepare_control(url):
            raise
    return psycopg.connect(url, **settings)  # type: ignore[arg-type]


def _prepare_control(url: str) -> bool:
    """Make the control database on first use; False when it was there already."""
    with psycopg.connect(url, connect_timeout=3, autocommit=True) as db:
        db.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (CONTROL,))
        if _row(db, "SELECT 1 FROM pg_database WHERE datname = %s", CONTROL):
            return False
        _run(db, "CREATE DATABASE {0} TEMPLATE template0", CONTROL)
        _run(db, "REVOKE ALL ON DATABASE {0} FROM PUBLIC", CONTROL)
        with psycopg.connect(url, dbname=CONTROL, connect_timeout=3, autocommit=True) as control:
            control.execute(_LEDGER)
    return True


def _make_role(db: Connection, name: str, password: Secret) -> None:
    verifier = db.pgconn.encrypt_password(password.reveal().encode(), name.encode(), b"scram-sha-256").decode()
    # Since 16 a role maker does not belong to the roles it makes; ending their sessions needs that.
    db.execute("SET createrole_self_grant = 'set, inherit'")
    known = _row(db, "SELECT 1 FROM pg_roles WHERE rolname = %s", name)
    verb = "ALTER" if known else "CREATE"
    statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}")
    db.execute(statement.format(sql.SQL(verb), sql.Identifier(name), sql.Literal(verifier)))


def _end_sessions(db: Connection, database: str) -> None:
    end = time.monotonic() + _SESSIONS_END_S
    while True:
        db.execute(_END_SESSIONS, (database,))
        if _sessions(db, database) == 0:
            return
        if time.monotonic() > end:
            raise DriverUnavailable("sessions of the database do not end")
        time.sleep(0.005)


def _sessions(db: Connection, database: str) -> int:
    row = _row(db, _COUNT_SESSIONS, database)
    return int(row[0]) if row else 0


def _limit(db: Connection, names: Names) -> int | None:
    row = _row(db, "SELECT datconnlimit FROM pg_database WHERE datname = %s", names.database)
    return int(row[0]) if row else None


def _row(db: Connection, query: LiteralString, *values: object) -> tuple[Any, ...] | None:
    return db.execute(query, values).fetchone()


def _run(db: Connection, statement: LiteralString, name: str, *, limit: int = CONNECTIONS) -> None:
    template = sql.SQL(statement)
    db.execute(template.format(sql.Identifier(name), limit=sql.Literal(limit)))
