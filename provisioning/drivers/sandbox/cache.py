"""A Valkey user per environment, shut into its own keys and channels. The server itself is shared.

Passwords reach the server only as SHA-256, so neither its log nor its ACL file holds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from provisioning.drivers.base import DriverRejected, DriverUnavailable, LeaseLost, Resource, StepKey
from provisioning.drivers.sandbox.names import Names
from provisioning.vault import Secret

TIMEOUT_S = 3.0
_TOMBSTONE_S = 7 * 86400
_RULES = """-@all +@read +@write +@connection +@transaction +@pubsub -@dangerous -@admin -@scripting
    -scan -randomkey -dbsize -pubsub"""
_COMMANDS = tuple(_RULES.split())
_TAKE = """local known = tonumber(redis.call('GET', KEYS[1]) or '0')
if known > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) return 1"""


@dataclass(frozen=True)
class Caches:
    """The sandbox's data Valkey, seen through its administrator."""

    url: str

    def create(self, names: Names, password: Secret, key: StepKey) -> None:
        """Make the user, or bring the one that stands to the wanted state."""
        digest = hashlib.sha256(password.reveal().encode()).hexdigest()
        prefix = names.key_prefix
        with self._fenced(names, key) as cache:
            key.guard()
            rules = ["reset", "on", f"#{digest}", f"~{prefix}*", f"&{prefix}*", *_COMMANDS]
            _do(cache, "ACL", "SETUSER", names.short, *rules)
            _do(cache, "ACL", "SAVE")

    def suspend(self, names: Names, key: StepKey) -> None:
        """Let the user in no more and end its connections. Its keys stay."""
        with self._fenced(names, key) as cache:
            key.guard()
            if _user(cache, names) is None:
                raise DriverRejected("The cache user does not exist, so it cannot be suspended.")
            _do(cache, "ACL", "SETUSER", names.short, "off")
            _do(cache, "CLIENT", "KILL", "USER", names.short)
            _do(cache, "ACL", "SAVE")

    def resume(self, names: Names, key: StepKey) -> None:
        """Let the user in again."""
        with self._fenced(names, key) as cache:
            key.guard()
            if _user(cache, names) is None:
                raise DriverRejected("The cache user does not exist, so it cannot be resumed.")
            _do(cache, "ACL", "SETUSER", names.short, "on")
            _do(cache, "ACL", "SAVE")

    def drop(self, names: Names, key: StepKey) -> None:
        """Remove the user, then its keys; absence is fine."""
        with self._fenced(names, key) as cache:
            key.guard()
            _do(cache, "ACL", "DELUSER", names.short)
            _do(cache, "ACL", "SAVE")
            key.guard()
            for found in cache.scan_iter(match=f"{names.key_prefix}*", count=1000):
                cache.unlink(found)

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
    def _fenced(self, names: Names, key: StepKey) -> Iterator[redis.Redis]:
        with self._session() as cache:
            fence = f"berth:fence:{names.environment}"
            if not cache.eval(_TAKE, 1, fence, str(key.fence), str(_TOMBSTONE_S)):
                raise LeaseLost("a newer operation has written to this environment's cache")
            yield cache

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


def _do(cache: redis.Redis, *words: str) -> None:
    cache.execute_command(*words)  # type: ignore[no-untyped-call]


def _user(cache: redis.Redis, names: Names) -> dict[str, Any] | None:
    found = cache.acl_getuser(names.short)
    return found if isinstance(found, dict) else None
