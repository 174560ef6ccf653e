"""How the daemons wait: for a signal, a notification of Postgres, a descriptor, or for the time to pass."""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Iterable
from typing import Any

import psycopg
from django.db import connection

LISTEN_AGAIN_S = 5.0
_PARAMETERS = ("dbname", "user", "password", "host", "port")


class Waiting:
    """Sleeps until something happens. Without notifications it merely polls.

    Takes over the process' signal wakeup descriptor: make it in the main thread, and only one.
    """

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._signals, self._signals_in = os.pipe()
        for end in (self._signals, self._signals_in):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._signals_in, warn_on_full_buffer=False)
        self._listening: psycopg.Connection[Any] | None = None
        self._listen_again_at = 0.0

    def sleep(self, seconds: float, descriptors: Iterable[int] = ()) -> None:
        """Return after `seconds` at the latest."""
        if self._listening is None and time.monotonic() >= self._listen_again_at:
            self._listen()
        with selectors.DefaultSelector() as selector:
            for descriptor in (self._signals, *descriptors):
                selector.register(descriptor, selectors.EVENT_READ)
            if self._listening is not None:
                selector.register(self._listening.fileno(), selectors.EVENT_READ)
            selector.select(seconds)
        self._drain()

    def close(self) -> None:
        """Give back descriptors and the listening connection."""
        signal.set_wakeup_fd(-1)
        os.close(self._signals)
        os.close(self._signals_in)
        if self._listening is not None:
            self._listening.close()

    def _listen(self) -> None:
        """Open a connection of our own; the framework's may be closed and opened again at any time."""
        self._listen_again_at = time.monotonic() + LISTEN_AGAIN_S
        known = connection.get_connection_params()
        plain = {name: known[name] for name in _PARAMETERS if known.get(name)}
        try:
            self._listening = psycopg.connect(**plain, connect_timeout=2, autocommit=True)
            self._listening.execute(f"LISTEN {self._channel}")
        except psycopg.Error:
            self._listening = None

    def _drain(self) -> None:
        try:
            while os.read(self._signals, 512):
                continue
        except BlockingIOError:
            pass
        if self._listening is None:
            return
        try:
            for _ in self._listening.notifies(timeout=0):
                continue
        except psycopg.Error:
            self._listening = None
