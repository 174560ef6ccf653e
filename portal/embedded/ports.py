"""TCP ports of 127.0.0.1: which are free, and who answers HTTP on them."""

import http.client
import secrets
import socket

HOST = "127.0.0.1"
PAIRS = range(15000, 32000, 2)


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port nobody listens on; it is not reserved."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def free_pair() -> int:
    """A port that is free together with its successor, out of the range from which connections get theirs."""
    while True:
        port = secrets.choice(PAIRS)
        if is_free(port) and is_free(port + 1):
            return port


def answers(port: int) -> bool:
    """Whether something accepts connections on the port."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def get(port: int, path: str) -> tuple[int, str]:
    """Status and first 500 characters of a GET; (0, reason) when nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(500).decode(errors="replace")
    except (OSError, http.client.HTTPException) as problem:
        return 0, str(problem) or type(problem).__name__
    finally:
        connection.close()
