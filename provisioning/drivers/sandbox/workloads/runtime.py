"""What the shipped workloads share: secrets by AppRole, a database connection, a Valkey word, an HTTP server.

Standard library and psycopg only; runs inside the cell.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psycopg

HOST = "127.0.0.1"
TIMEOUT_S = 5.0
Config = Mapping[str, Any]
Answer = tuple[int, str, bytes]


class Refused(Exception):
    """Vault did not give what the workload asked for."""


class Secrets:
    """This workload's own secrets, read once after login; the token is given back at once."""

    def __init__(self, config: Config) -> None:
        vault = config["vault"]
        self._server = urlsplit(vault["addr"])
        wrapped = self._ask("POST", "sys/wrapping/unwrap", vault["wrapped"])
        credentials = {"role_id": vault["role_id"], "secret_id": wrapped["data"]["secret_id"]}
        token = self._ask("POST", "auth/approle/login", "", credentials)["auth"]["client_token"]
        self.versions: dict[str, int] = {}
        self.values: dict[str, Mapping[str, str]] = {}
        for name in vault["secrets"]:
            found = self._ask("GET", f"kv/data/{vault['path']}/{name}", token)["data"]
            self.values[name] = found["data"]
            self.versions[name] = found["metadata"]["version"]
        self._ask("POST", "auth/token/revoke-self", token)

    def _ask(self, method: str, path: str, token: str, body: object = None) -> dict[str, Any]:
        client = http.client.HTTPConnection(self._server.hostname or HOST, self._server.port, timeout=TIMEOUT_S)
        try:
            headers = {"X-Vault-Token": token} if token else {}
            client.request(method, f"/v1/{path}", json.dumps(body) if body else None, headers)
            answer = client.getresponse()
            text = answer.read()
        finally:
            client.close()
        if answer.status not in {200, 204}:
            raise Refused(f"Vault answered {answer.status} to {path}")
        found: dict[str, Any] = json.loads(text) if text else {}
        return found


class Database:
    """One connection for all threads, opened again when it was lost."""

    def __init__(self, secret: Mapping[str, str]) -> None:
        self._secret = secret
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def run(self, statement: LiteralString, *values: object) -> tuple[Any, ...] | None:
        """Run one statement by itself and return its first row, if it has rows."""
        with self._lock:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            cursor = self._connection.execute(statement, values)
            return cursor.fetchone() if cursor.description else None

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        parts = {name: self._secret[name] for name in ("host", "port", "dbname", "user", "password")}
        quiet = {"gssencmode": "disable", "passfile": "/dev/null"}
        return psycopg.connect(**parts, **quiet, connect_timeout=3, autocommit=True)  # type: ignore[arg-type]


def valkey(secret: Mapping[str, str], *words: str) -> bytes:
    """Log in to Valkey, send one command, return the first line of its answer."""
    with socket.create_connection((secret["host"], int(secret["port"])), timeout=TIMEOUT_S) as server:
        lines = server.makefile("rb")
        for command in (("AUTH", secret["user"], secret["password"]), words):
            parts = [part.encode() for part in command]
            head = b"*%d\r\n" % len(parts)
            server.sendall(head + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
            answer = lines.readline().rstrip()
            if answer.startswith(b"-"):
                raise OSError(f"Valkey refused {command[0]}")
    return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        """Bind without asking the name service for the host's full name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = HOST, int(self.server_address[1])


def serve(port: int, answer: Callable[[str, bool], Answer], ready: Callable[[], None]) -> None:
    """Answer GET requests for ever. `answer` gets the path and whether a browser asks."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, kind, body = answer(self.path, "text/html" in self.headers.get("Accept", ""))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_parts: object) -> None:
            """Keep requests out of the log: it has a size limit."""

    with _Server((HOST, port), Handler) as server:
        ready()
        server.serve_forever(poll_interval=3600)


def as_json(facts: object, status: int = 200) -> Answer:
    """Return an answer for programs."""
    return status, "application/json", json.dumps(facts).encode() + b"\n"
