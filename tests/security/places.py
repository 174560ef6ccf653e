"""Where a secret could lie after a journey through a whole portal: databases, Valkeys, files, processes, pages."""

import html
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import redis
from psycopg import sql

from portal.demo.person import Person
from portal.embedded import state
from tests.whole import Portal, read

# Kept on purpose, for the owner of the installation alone (0600); the raw database is searched as tables.
HOLDERS = ("state.json", "seed.json", "vault-secret-id", "openbao/seal.key")
BULK = ("static/", "postgres/data/")
_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('information_schema', 'pg_toast') ORDER BY 1
"""
Place = tuple[str, bytes]


def database_url(portal: Portal, database: str) -> str:
    """As the cluster's administrator, who sees every table."""
    kept = state.load(portal.var)
    return (
        f"postgresql://berth_admin:{quote(kept.password('berth_admin'))}@127.0.0.1:{kept.ports['postgres']}/{database}"
    )


def databases(portal: Portal) -> list[str]:
    """Every database that one can connect to."""
    with psycopg.connect(database_url(portal, "postgres")) as db:
        return [name for (name,) in db.execute("SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1")]


def tables(portal: Portal) -> Iterator[Place]:
    """Every table of every database, catalogues of the server (roles, statistics) included, as COPY gives it."""
    for database in databases(portal):
        with psycopg.connect(database_url(portal, database)) as db:
            for (table,) in db.execute(_TABLES).fetchall():
                statement = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.SQL(table))
                with db.cursor().copy(statement) as copy:
                    yield f"{database} {table}", b"".join(bytes(part) for part in copy)


def valkeys(portal: Portal, **options: object) -> dict[str, redis.Redis]:
    """Both servers, as their administrator."""
    kept = state.load(portal.var)
    return {
        name: redis.Redis(port=kept.ports[name], username="berth", password=kept.password(f"valkey-{name}"), **options)
        for name in ("broker", "data")
    }


def keys(portal: Portal) -> Iterator[Place]:
    """Every key with its value of whatever type, and the accounts as the server lists them."""
    for name, server in valkeys(portal).items():
        accounts = server.execute_command("ACL", "LIST")
        yield f"valkey {name} accounts", b"\n".join(map(_flat, accounts))
        for key in server.scan_iter(count=1000):
            yield f"valkey {name} {key!r}", key + b"\n" + _flat(_value(server, key))


def _value(server: redis.Redis, key: bytes) -> object:
    kind = server.type(key)
    if kind == b"list":
        return server.lrange(key, 0, -1)
    if kind == b"hash":
        return server.hgetall(key)
    if kind == b"set":
        return server.smembers(key)
    if kind == b"zset":
        return server.zrange(key, 0, -1, withscores=True)
    return server.xrange(key) if kind == b"stream" else server.get(key)


def _flat(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return b"\n".join(_flat(item) for pair in value.items() for item in pair)
    if isinstance(value, list | tuple | set):
        return b"\n".join(map(_flat, value))
    return str(value).encode()


def files(portal: Portal) -> Iterator[Place]:
    """Every file of the installation but those that are there to hold secrets: logs, AOF, ACL file, configuration."""
    for path in sorted(portal.var.rglob("*")):
        name = str(path.relative_to(portal.var))
        if path.is_file() and name not in HOLDERS and not name.startswith(BULK):
            yield name, path.read_bytes()


def is_workload(pid: int) -> bool:
    """Whether it is a process of an environment, not of the portal."""
    try:
        return "/workloads/" in str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return False


@dataclass
class Watch:
    """What the portal's processes showed in /proc, and what was said to both Valkeys, while it ran."""

    portal: Portal
    seen: set[Place] = field(default_factory=set)
    said: dict[str, list[bytes]] = field(default_factory=dict)

    def look(self) -> None:
        """Read command line and environment of every process of the portal."""
        for known in self.portal.family():
            kind = "workload" if is_workload(known.pid) else "process"
            for name in ("cmdline", "environ"):
                self.seen.add((f"{kind} {name}", read(known.pid, name)))

    def places(self, prefix: str = "") -> list[Place]:
        """What was seen, of the kinds that begin with the prefix."""
        heard = [(f"messages to {name}", b"\n".join(lines)) for name, lines in self.said.items()]
        return [place for place in (*self.seen, *heard) if place[0].startswith(prefix)]


@contextmanager
def watching(portal: Portal) -> Iterator[Watch]:
    """Look again and again, and listen, until the end of the block."""
    watch, over = Watch(portal), threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            watch.look()

    def listen(name: str, server: redis.Redis) -> None:
        with server.monitor() as heard:
            watch.said[name] = []
            while not over.is_set():
                watch.said[name].append(_flat(heard.connection.read_response()))

    threads = [threading.Thread(target=look)]
    threads += [
        threading.Thread(target=listen, args=pair, daemon=True) for pair in valkeys(portal, socket_timeout=None).items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        over.set()
        for server in valkeys(portal).values():
            server.ping()
        for thread in threads:
            thread.join(10)


class Reader(Person):
    """Somebody who opens every page that the portal links to."""

    def pages(self, starts: list[str], limit: int) -> Iterator[Place]:
        """Pages by following links, at most `limit`; leaving, exporting and other hosts' are not followed."""
        waiting, known = list(starts), set(starts)
        while waiting and limit:
            limit -= 1
            address = waiting.pop(0)
            answer = self.look(address)
            yield f"page of {self.name} {address} ({answer.status_code})", answer.content
            for found in re.findall(r'(?:href|hx-get)="(/[^"#]*)', answer.text):
                link = html.unescape(found)
                if link not in known and not link.startswith(("/static/", "/sign", "/api/")):
                    known.add(link)
                    waiting.append(link)

    def look(self, address: str) -> httpx.Response:
        """Whatever stands at an address."""
        return self._http.get(address, follow_redirects=False)

    def send(self, address: str, **fields: str) -> httpx.Response:
        """A form of a page."""
        return self._http.post(address, data={**fields, "csrfmiddlewaretoken": self._csrf()})


def reader(portal: Portal, name: str) -> Reader:
    """A seeded person."""
    return Reader(portal.url, name, portal.people()[name])
