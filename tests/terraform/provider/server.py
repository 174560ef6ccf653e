"""A Terraform provider for tests: real Postgres databases and roles. Run by the binary, in an environment of its own.

Not part of Berth. Resource `berth_database`: name, comment, owner's password; read shows what a stranger changed.
"""

import sys
from pathlib import Path

from tf import runner
from tf.iface import Provider, Resource
from tf.schema import Attribute, Schema
from tf.types import Number, String

# It starts several times a run: the certificate is kept, and what only some calls need is imported there.
runner._get_cert_cache_path = lambda: Path(sys.prefix) / "certificate.json"


class Database(Resource):
    def __init__(self, provider):
        self.url = provider.url

    @classmethod
    def get_name(cls):
        return "database"

    @classmethod
    def get_schema(cls):
        return Schema(
            attributes=[
                Attribute("id", String(), computed=True),
                Attribute("name", String(), required=True, requires_replace=True),
                Attribute("comment", String(), required=True),
                Attribute("limit", Number(), required=True),
                Attribute("password", String(), required=True, sensitive=True),
                Attribute("url", String(), computed=True, sensitive=True),
                Attribute("pause", Number(), optional=True),
            ]
        )

    def _connect(self):
        import psycopg

        return psycopg.connect(self.url, autocommit=True)

    def _facts(self, connection, name):
        return connection.execute(
            "SELECT coalesce(shobj_description(oid, 'pg_database'), ''), datconnlimit FROM pg_database"
            " WHERE datname = %s",
            [name],
        ).fetchone()

    def _settle(self, connection, planned):
        from psycopg import sql

        name = sql.Identifier(planned["name"])
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(planned["comment"])))
        limit = sql.Literal(int(planned["limit"]))
        connection.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(name, limit))

    def _whole(self, planned):
        name = planned["name"]
        return {**planned, "id": name, "url": f"postgresql://{name}:{planned['password']}@db/{name}"}

    def create(self, ctx, planned):
        import time

        from psycopg import sql

        with self._connect() as connection:
            if self._facts(connection, planned["name"]) is None:
                name = sql.Identifier(planned["name"])
                connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
            self._settle(connection, planned)
        time.sleep(float(planned.get("pause") or 0))
        return self._whole(planned)

    def read(self, ctx, current):
        with self._connect() as connection:
            found = self._facts(connection, current["name"])
        return None if found is None else {**current, "comment": found[0], "limit": found[1]}

    def update(self, ctx, current, planned):
        with self._connect() as connection:
            self._settle(connection, planned)
        return self._whole(planned)

    def delete(self, ctx, current):
        from psycopg import sql

        with self._connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(current["name"])))

    def import_(self, ctx, id):
        with self._connect() as connection:
            found = self._facts(connection, id)
        if found is None:
            ctx.diagnostics.add_error("There is no such database", id)
            return None
        state = {"name": id, "comment": found[0], "limit": found[1], "password": None, "pause": None}
        return {**state, "id": id, "url": None}


class Postgres(Provider):
    url = ""

    def get_model_prefix(self):
        return "berth_"

    def get_provider_schema(self, diags):
        return Schema(attributes=[Attribute("url", String(), required=True, sensitive=True)])

    def full_name(self):
        return "providers.invalid/tests/berth"

    def validate_config(self, diags, config):
        pass

    def configure_provider(self, diags, config):
        Postgres.url = config["url"]

    def get_data_sources(self):
        return []

    def get_resources(self):
        return [Database]


if __name__ == "__main__":
    runner.run_provider(Postgres())
