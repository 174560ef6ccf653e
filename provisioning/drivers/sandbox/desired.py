"""Writes what the daemons shall do, and waits until they say that it is done. The daemons live elsewhere.

One statement per write: it takes the fence, and counts the generation up only when something really changed,
so that repeating a step restarts nothing.
"""

from __future__ import annotations

import json
import socket
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import IntegrityError, connection

from provisioning.drivers.base import DriverUnavailable, LeaseLost, StepKey
from provisioning.drivers.sandbox.names import Names
from provisioning.models import Route, Workload

PORTS = range(20000, 25000)
WORKLOAD_CHANNEL = "berth_workload"
ROUTE_CHANNEL = "berth_route"
_POLL_S = 0.015
_PORT_TRIES = 20
_WANT_WORKLOAD = """
INSERT INTO provisioning_workload AS w (environment_id, image, parameters, release, port, desired, generation,
    observed, observed_generation, detail, fence)
VALUES (%(environment)s, %(image)s, %(parameters)s, %(release)s, %(port)s, %(desired)s, 1, 'absent', 0, '',
    %(fence)s)
ON CONFLICT (environment_id) DO UPDATE SET image = EXCLUDED.image, parameters = EXCLUDED.parameters,
    release = EXCLUDED.release, port = coalesce(w.port, EXCLUDED.port), desired = EXCLUDED.desired,
    fence = EXCLUDED.fence, generation = w.generation + CASE WHEN
        (w.image, w.parameters, w.release, w.desired)
        IS NOT DISTINCT FROM (EXCLUDED.image, EXCLUDED.parameters, EXCLUDED.release, EXCLUDED.desired)
        THEN 0 ELSE 1 END
WHERE w.fence <= EXCLUDED.fence
RETURNING generation"""
_STOP_WORKLOAD = """
UPDATE provisioning_workload SET desired = %(desired)s, fence = %(fence)s,
    generation = generation + CASE WHEN desired = %(desired)s THEN 0 ELSE 1 END
WHERE environment_id = %(environment)s AND fence <= %(fence)s RETURNING generation"""
_WANT_ROUTE = """
INSERT INTO provisioning_route AS r (environment_id, host, port, state, generation, observed_generation, detail,
    fence)
VALUES (%(environment)s, %(host)s, %(port)s, %(state)s, 1, 0, '', %(fence)s)
ON CONFLICT (environment_id) DO UPDATE SET host = EXCLUDED.host, port = EXCLUDED.port, state = EXCLUDED.state,
    fence = EXCLUDED.fence, generation = r.generation + CASE WHEN
        (r.host, r.port, r.state) IS NOT DISTINCT FROM (EXCLUDED.host, EXCLUDED.port, EXCLUDED.state)
        THEN 0 ELSE 1 END
WHERE r.fence <= EXCLUDED.fence
RETURNING generation"""
Row = TypeVar("Row", Workload, Route)


@dataclass(frozen=True)
class Process:
    """What shall run in one environment."""

    image: str
    parameters: Mapping[str, Any]
    release: Mapping[str, str]


def run(names: Names, process: Process, key: StepKey, *, limit_s: float) -> int:
    """Have the process run, wait until it is ready, and return its port."""
    generation = _want_process(names, process, "running", key)
    row = _wait(lambda: _workload(names), generation, limit_s, lambda row: row.observed == "running")
    return int(row.port or 0)


def prepare(names: Names, process: Process, key: StepKey, *, limit_s: float) -> None:
    """Record what shall run later, and have nothing run now."""
    generation = _want_process(names, process, "stopped", key)
    _wait(lambda: _workload(names), generation, limit_s, lambda row: row.observed == "stopped")


def stop(names: Names, key: StepKey, *, limit_s: float, desired: str = "stopped") -> None:
    """Have nothing run (`absent`: nor any file of it left), and wait until it is so. Absence is fine."""
    key.guard()
    row = _workload(names)
    if row is None or (desired == "absent" and row.desired == row.observed == "absent"):
        return
    wanted = {"environment": names.environment, "desired": desired, "fence": key.fence}
    generation = _write(_STOP_WORKLOAD, wanted, WORKLOAD_CHANNEL)
    _wait(lambda: _workload(names), generation, limit_s, lambda row: row.observed == desired)
    if desired == "absent":
        Workload.objects.filter(pk=names.pk, fence=key.fence, desired="absent").update(port=None)


def serve(names: Names, port: int | None, key: StepKey, *, limit_s: float, state: str = "serve") -> None:
    """Have the router serve, announce as suspended, or forget the environment's host, and wait until it does."""
    key.guard()
    wanted = {"environment": names.environment, "host": names.label, "port": port, "state": state}
    generation = _write(_WANT_ROUTE, {**wanted, "fence": key.fence}, ROUTE_CHANNEL)
    _wait(lambda: _route(names), generation, limit_s, lambda _row: True)


def forget(names: Names, key: StepKey, *, limit_s: float) -> None:
    """Have the router forget the environment's host. Absence is fine."""
    row = _route(names)
    if row is not None and (row.state != "absent" or row.observed_generation < row.generation):
        serve(names, None, key, limit_s=limit_s, state="absent")


def _want_process(names: Names, process: Process, desired: str, key: StepKey) -> int:
    wanted = {
        "environment": names.environment,
        "image": process.image,
        "parameters": json.dumps(dict(process.parameters)),
        "release": json.dumps(dict(process.release)),
        "desired": desired,
        "fence": key.fence,
    }
    for attempt in range(_PORT_TRIES):
        key.guard()
        try:
            return _write(_WANT_WORKLOAD, {**wanted, "port": _free_port(names, attempt)}, WORKLOAD_CHANNEL)
        except IntegrityError:
            continue
    raise DriverUnavailable("no free port for the workload")


def _write(statement: str, wanted: Mapping[str, Any], channel: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, wanted)
        row = cursor.fetchone()
        if row is None:
            raise LeaseLost("a newer operation has written this environment's desired state")
        cursor.execute("SELECT pg_notify(%s, %s)", [channel, wanted["environment"]])
    return int(row[0])


def _wait(read: Callable[[], Row | None], generation: int, limit_s: float, reached: Callable[[Row], bool]) -> Row:
    end = time.monotonic() + limit_s
    while True:
        row = read()
        if row is not None and row.observed_generation >= generation and reached(row):
            return row
        if time.monotonic() > end:
            raise DriverUnavailable((row.detail if row else "") or "the daemon has not answered in time")
        time.sleep(_POLL_S)


def _workload(names: Names) -> Workload | None:
    return Workload.objects.filter(pk=names.pk).first()


def _route(names: Names) -> Route | None:
    return Route.objects.filter(pk=names.pk).first()


def _free_port(names: Names, attempt: int) -> int:
    """Pick a port that no workload has and nobody listens on here; each attempt begins somewhere else."""
    taken = set(Workload.objects.exclude(port=None).values_list("port", flat=True))
    start = zlib.crc32(f"{names.environment}{attempt}".encode())
    for step in range(len(PORTS)):
        port = PORTS[(start + step) % len(PORTS)]
        if port not in taken and _is_free(port):
            return port
    raise DriverUnavailable("every port of the workloads' range is taken")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
