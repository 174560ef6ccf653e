"""Is it alive, is it ready: what /healthz, /readyz and the status strip say."""

import time
from dataclasses import dataclass

import httpx
import redis
from django.conf import settings
from django.db import DatabaseError

from audit.partitions import is_next_present

PULSE_KEY = "pulse"
PULSE_TTL_SECONDS = 60


@dataclass(frozen=True)
class Check:
    """One thing that must hold, and the sentence when it does not."""

    name: str
    ok: bool
    detail: str = ""


def _broker() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def beat() -> None:
    """Called by a worker: a task came through."""
    _broker().set(f"{settings.BROKER_PREFIX}:{PULSE_KEY}", str(time.time()), ex=PULSE_TTL_SECONDS)


def checks() -> list[Check]:
    """Everything that readiness needs: database and next partition, a worker's pulse, Vault unsealed."""
    return [_database(), _worker(), _vault()]


def _database() -> Check:
    try:
        ready = is_next_present()
    except DatabaseError as error:
        return Check("database", False, f"Postgres does not answer: {type(error).__name__}.")
    return Check("database", ready, "" if ready else "The next history partition is missing.")


def _worker() -> Check:
    try:
        found = _broker().get(f"{settings.BROKER_PREFIX}:{PULSE_KEY}")
    except redis.RedisError as error:
        return Check("worker", False, f"The broker does not answer: {type(error).__name__}.")
    return Check("worker", found is not None, "" if found else "No worker has taken a task in the last minute.")


def _vault() -> Check:
    if not settings.BERTH.vault_addr:
        return Check("vault", False, "VAULT_ADDR is not set.")
    try:
        answer = httpx.get(f"{settings.BERTH.vault_addr}/v1/sys/health", timeout=2)
    except httpx.HTTPError as error:
        return Check("vault", False, f"Vault does not answer: {type(error).__name__}.")
    return Check("vault", answer.status_code == 200, "" if answer.status_code == 200 else "Vault is sealed.")
