"""The sandbox driver on its real servers: databases, cache users, Vault, and the two daemons."""

import dataclasses

import psycopg
import redis
from django.conf import settings
from psycopg import sql

from provisioning import vault
from provisioning.drivers.sandbox.driver import SandboxDriver
from provisioning.drivers.sandbox.names import Names
from provisioning.drivers.sandbox.steps import world_from_settings
from provisioning.models import Route, Workload
from tests import people
from tests.contract.carrying import Run
from tests.contract.harness import Harness
from tests.processes import wait_until
from tests.provisioning.sandbox.world import FULL, Daemons, Sandbox

NOWHERE = "127.0.0.1:9"


class SandboxHarness(Harness):
    slow = True
    name = "sandbox"
    database = True

    def start(self, place):
        self.daemons, self.away = Daemons(place), False
        self.daemons.start()
        wait_until(lambda: "serving" in self.daemons.said("router"), 60)

    def stop(self):
        self.daemons.stop()

    def begin(self):
        self.sandbox = Sandbox(self.daemons, people.make())

    def make_driver(self):
        if not hasattr(self, "daemons"):
            return SandboxDriver()
        world = dataclasses.replace(world_from_settings(), router_port=self.daemons.router_port)
        return SandboxDriver(_unreachable(world) if self.away else world)

    def spec(self, name, **changes):
        fields = {"resources": FULL, "parameters": {"greeting": "hi"}, "release": self.release(1), **changes}
        return dataclasses.replace(self.sandbox.environment(name), **fields)

    def fingerprint(self, spec):
        names = _names(spec)
        return {
            "postgres": _postgres(names),
            "valkey": _valkey(names),
            "vault": _vault(names),
            "workload": _rows(Workload, spec, "image", "parameters", "release", "desired", "observed"),
            "route": _rows(Route, spec, "host", "state"),
        }

    def changed(self, spec):
        return dataclasses.replace(spec, parameters={"greeting": "good day"}), frozenset({"workload.process"})

    def vandalise(self, spec):
        names = _names(spec)
        with psycopg.connect(settings.BERTH.sandbox_database_url, autocommit=True) as db:
            db.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 0").format(sql.Identifier(names.database)))
        with redis.Redis.from_url(settings.BERTH.sandbox_redis_url) as cache:
            cache.acl_deluser(names.short)
        vault.from_settings().policy_delete(names.short)

    def break_target(self):
        self.away = True

    def mend(self):
        self.away = False

    def bad_spec(self, name):
        return self.spec(f"{name}-image", resources={"workload": {"image": "/bin/sh"}})

    def cleanup(self, spec):
        Run(self, dataclasses.replace(spec, suspended=False)).carry_out("destroy")

    def canaries(self, spec):
        door, names = vault.from_settings(), _names(spec)
        found = [door.kv_get(f"{names.vault_path}/{name}") for name in door.kv_list(names.vault_path)]
        return tuple(each.values[part].reveal() for each in found if each for part in ("password", "url"))


def _names(spec):
    return Names(environment=spec.id, label=spec.name)


def _unreachable(world):
    databases = dataclasses.replace(world.databases, url=f"postgresql://berth_sandbox:x@{NOWHERE}/postgres")
    caches = dataclasses.replace(world.caches, url=f"redis://berth:x@{NOWHERE}/0")
    credentials = dataclasses.replace(
        world.credentials, vault=vault.Vault(f"http://{NOWHERE}"), databases=databases, caches=caches
    )
    return dataclasses.replace(world, databases=databases, caches=caches, credentials=credentials)


def _postgres(names):
    with psycopg.connect(settings.BERTH.sandbox_database_url, autocommit=True) as db:
        roles = db.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE %s", (f"%{names.id8}",)).fetchall()
        databases = db.execute(
            "SELECT datname, datconnlimit FROM pg_database WHERE datname LIKE %s", (f"%{names.id8}",)
        ).fetchall()
    return {"roles": sorted(name for (name,) in roles), "databases": sorted(map(list, databases))}


def _valkey(names):
    with redis.Redis.from_url(settings.BERTH.sandbox_redis_url, decode_responses=True) as cache:
        users = [cache.acl_getuser(name) for name in cache.acl_users() if names.id8 in name]
        return sorted([sorted(user["flags"]), user["keys"], user["commands"]] for user in users)


def _vault(names):
    door = vault.from_settings()
    paths = {name: door.kv_version(f"{names.vault_path}/{name}") for name in door.kv_list(names.vault_path)}
    return [paths, door.policy_exists(names.short), door.approle_exists(names.short)]


def _rows(model, spec, *fields):
    """One row of desired state; what is wanted and observed absent is as if it had never been."""
    row = model.objects.filter(pk=spec.id).values(*fields).first()
    state = row and row.get("desired", row.get("state"))
    return None if row is None or state == "absent" else row
