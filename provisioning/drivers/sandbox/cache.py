"""A Valkey user per environment, shut into its own keys and channels. The server itself is shared.

Every write is one transaction that the server refuses once a newer operation has taken the environment's fence.

Passwords reach the server only as SHA-256, so neither its log nor its ACL file holds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from provisioning.drivers.base import DriverRejected, DriverUnavailable, LeaseLost, Resource, StepKey
from provisioning.drivers.sandbox.names import Names
from provisioning.vault import Secret

TIMEOUT_S = 3.0
_BATCH = 1000
_LOST = "a newer operation has written to this environment's cache"
_TOMBSTONE_S = 7 * 86400
_RULES = """-@all +@read +@write +@connection +@transaction +@pubsub -@dangerous -@admin -@scripting
    -scan -randomkey -dbsize -pubsub"""
_COMMANDS = tuple(_RULES.split())
_TAKE = """local known = tonumber(redis.call('GET', KEYS[1]) or '0')
if known > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) return 1"""

Write = Callable[..., None]


@dataclass(frozen=True)
class Caches:
    """The sandbox's data Valkey, seen through its administrator."""

    url: str

    def create(self, names: Names, password: Secret, key: StepKey) -> None:
        """Make the user, or bring the one that stands to the wanted state."""
        digest = hashlib.sha256(password.reveal().encode()).hexdigest()
        prefix = names.key_prefix
        with self._fenced(names, key) as write:
            rules = ["reset", "on", f"#{digest}", f"~{prefix}*", f"&{prefix}*", *_COMMANDS]
            write(("ACL", "SETUSER", names.short, *rules), ("ACL", "SAVE"))

    def suspend(self, names: Names, key: StepKey) -> None:
        """Let the user in no more and end its connections. Its keys stay."""
        with self._fenced(names, key) as write:
            if not self._has_user(names):
                raise DriverRejected("The cache user does not exist, so it cannot be suspended.")
            off = ("ACL", "SETUSER", names.short, "off")
            write(off, ("CLIENT", "KILL", "USER", names.short), ("ACL", "SAVE"))

    def resume(self, names: Names, key: StepKey) -> None:
        """Let the user in again."""
        with self._fenced(names, key) as write:
            if not self._has_user(names):
                raise DriverRejected("The cache user does not exist, so it cannot be resumed.")
            write(("ACL", "SETUSER", names.short, "on"), ("ACL", "SAVE"))

    def drop(self, names: Names, key: StepKey) -> None:
        """Remove the user, then its keys; absence is fine."""
        with self._fenced(names, key) as write, self._session() as cache:
            write(("ACL", "DELUSER", names.short), ("ACL", "SAVE"))
            found = cache.scan_iter(match=f"{names.key_prefix}*", count=1000)
            while batch := list(islice(found, _BATCH)):
                write(("UNLINK", *batch))

    def observe(self, names: Names) -> Iterator[Resource]:
        """Yield what stands of an environment; keys without their user count as a thing of their own."""
        with self._session() as cache:
            user = _user(cache, names)
            if user is not None:
                state = "on" if "on" in user["flags"] else "off"
                yield Resource("valkey.user", {"name": names.short, "prefix": names.key_prefix, "state": state})
            elif next(iter(cache.scan_iter(match=f"{names.key_prefix}*", count=1000)), None) is not None:
                yield Resource("valkey.keys", {"prefix": names.key_prefix})

    def address(self, names: Names) -> Mapping[str, str]:
        """Return where a workload finds its cache; no password."""
        server = urlsplit(self.url)
        return {
            "host": server.hostname or "127.0.0.1",
            "port": str(server.port or 6379),
            "user": names.short,
            "prefix": names.key_prefix,
        }

    @contextmanager
    def _fenced(self, names: Names, key: StepKey) -> Iterator[Write]:
        """Take the fence; yield what sends commands as one transaction, or raises LeaseLost when it is outdated."""
        fence = f"berth:fence:{names.environment}"
        with self._session() as cache:
            if not cache.eval(_TAKE, 1, fence, str(key.fence), str(_TOMBSTONE_S)):
                raise LeaseLost(_LOST)

            def write(*commands: tuple[str | bytes, ...]) -> None:
                with cache.pipeline(transaction=True) as together:
                    together.watch(fence)  # type: ignore[no-untyped-call]
                    if together.get(fence) != str(key.fence).encode():
                        raise LeaseLost(_LOST)
                    key.guard()
                    together.multi()
                    for command in commands:
                        together.execute_command(*command)  # type: ignore[no-untyped-call]
                    together.execute()

            try:
                yield write
            except redis.WatchError as outdated:
                raise LeaseLost(_LOST) from outdated

    def _has_user(self, names: Names) -> bool:
        with self._session() as cache:
            return _user(cache, names) is not None

    @contextmanager
    def _session(self) -> Iterator[redis.Redis]:
        retry = Retry(NoBackoff(), 0)
        cache = redis.Redis.from_url(self.url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=retry)
        try:
            yield cache
        except (redis.ConnectionError, redis.TimeoutError) as problem:
            raise DriverUnavailable(f"Valkey does not answer ({type(problem).__name__})") from problem
        except redis.RedisError as problem:
            raise DriverRejected(f"Valkey refused the change ({type(problem).__name__}).") from problem
        finally:
            cache.close()


def _user(cache: redis.Redis, names: Names) -> dict[str, Any] | None:
    found = cache.acl_getuser(names.short)
    return found if isinstance(found, dict) else None
