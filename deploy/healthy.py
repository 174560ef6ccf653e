"""Health checks of the containers: `python deploy/healthy.py http PORT PATH | pulse | lock FILE`. Exit code tells.

Standard library and the redis client only: a check runs every few seconds and must not load the portal.
"""

import fcntl
import http.client
import os
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import redis


def answers(port: str, path: str) -> bool:
    """Does the port answer the path with 200, asked by the portal's public name?"""
    public = urlsplit(os.environ.get("BERTH_PUBLIC_URL", "http://127.0.0.1:8000")).netloc
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=4)
    try:
        connection.request("GET", path, headers={"Host": public})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def pulses() -> bool:
    """Has a worker taken a tick of the clock in the last minute?"""
    prefix = os.environ.get("BERTH_BROKER_PREFIX", "berth")
    broker = redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=2, socket_connect_timeout=2)
    try:
        return broker.exists(f"{prefix}:pulse") == 1
    except redis.RedisError:
        return False
    finally:
        broker.close()


def is_locked(file: str) -> bool:
    """Does a process hold the lock on the file?"""
    try:
        with Path(file).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


CHECKS: dict[str, Callable[..., bool]] = {"http": answers, "pulse": pulses, "lock": is_locked}

if __name__ == "__main__":
    sys.exit(0 if CHECKS[sys.argv[1]](*sys.argv[2:]) else 1)
