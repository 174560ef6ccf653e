"""Database roles and databases: no process holds more than it needs. Idempotent; needs a superuser.

Tables are not made here: migrations do that, as `berth_owner`.
"""

from collections.abc import Mapping

import psycopg
from psycopg import sql

LOGIN_ROLES = {
    "berth_owner": "",
    "berth_app": "",
    "berth_sandbox": "CREATEDB CREATEROLE",
    "berth_openbao": "",
}
DATABASES = {"berth": "berth_owner", "berth_openbao": "berth_openbao"}

# Run inside a database that berth_owner owns, as the superuser or as berth_owner itself (test databases).
GRANTS = """
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO berth_owner, berth_audit;
GRANT USAGE ON SCHEMA public TO berth_app;
ALTER DEFAULT PRIVILEGES FOR ROLE berth_owner
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO berth_app;
ALTER DEFAULT PRIVILEGES FOR ROLE berth_owner GRANT USAGE, SELECT ON SEQUENCES TO berth_app;
ALTER DEFAULT PRIVILEGES FOR ROLE berth_owner GRANT EXECUTE ON FUNCTIONS TO berth_app;
"""


def bootstrap(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Make or repair roles, databases and grants; `passwords` has one for every login role."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        make_roles(connection, passwords)
        for name, owner in DATABASES.items():
            make_database(connection, name, owner)
        close_databases(connection)
    with psycopg.connect(admin_url, dbname="berth", autocommit=True) as connection:
        connection.execute(GRANTS)


def make_roles(connection: psycopg.Connection, passwords: Mapping[str, str]) -> None:
    """Create what is missing and set passwords and rights anew."""
    known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
    for role in [*LOGIN_ROLES, "berth_audit"]:
        if role not in known:
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    for role, rights in LOGIN_ROLES.items():
        statement = "ALTER ROLE {} LOGIN NOSUPERUSER NOREPLICATION NOBYPASSRLS {} PASSWORD {}"
        connection.execute(
            sql.SQL(statement).format(sql.Identifier(role), sql.SQL(rights), sql.Literal(passwords[role]))
        )
    connection.execute("ALTER ROLE berth_audit NOLOGIN NOSUPERUSER")
    connection.execute("GRANT berth_audit TO berth_owner")
    connection.execute("ALTER ROLE berth_sandbox SET createrole_self_grant = 'set, inherit'")


def make_database(connection: psycopg.Connection, name: str, owner: str) -> None:
    """Create a database unless it is there; its owner is set either way."""
    known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    form = "ALTER DATABASE {} OWNER TO {}" if known else "CREATE DATABASE {} OWNER {}"
    connection.execute(sql.SQL(form).format(sql.Identifier(name), sql.Identifier(owner)))


def close_databases(connection: psycopg.Connection) -> None:
    """Nobody may connect anywhere by being somebody; each role is let into its own database."""
    for name in ["template1", "postgres", *DATABASES]:
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    connection.execute("GRANT CONNECT ON DATABASE berth TO berth_app")
    connection.execute("GRANT CONNECT ON DATABASE postgres TO berth_sandbox")
