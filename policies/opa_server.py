"""An OPA server as engine, over its REST API: the bundle is put there once, below its own digest; facts are posted.

Any failure is an EvaluatorError, so it denies: no answer within the deadline, a status, an answer without a result.
"""

import http.client
import json
import os
import threading
import time
from typing import Any
from urllib.parse import quote, urlsplit

from policies.bundle import Bundle
from policies.bundles.placed import placed
from policies.pool import EvaluatorError, ask_once, on_one_line

MAX_REPLY = 16 << 20
PUT_SECONDS = 20.0


class OpaServer:
    """One bundle at one server. It keeps no connection, so that a fork or a restart of the server changes nothing."""

    def __init__(self, bundle: Bundle, url: str, *, seconds: float) -> None:
        """Ask nothing yet: the first question puts the bundle."""
        parts = urlsplit(url)
        self.pid, self.seconds = os.getpid(), seconds
        self._secure, self._host, self._base = parts.scheme == "https", parts.netloc, parts.path.rstrip("/")
        self._prefix = "berth_" + bundle.digest.removeprefix("sha256:")[:32]
        self._bundle = bundle
        self._lock = threading.Lock()
        self._is_put = False

    def ask(self, payload: bytes) -> Any:
        """Post one input; a server that has lost the bundle gets it again, once."""
        if not self._is_put:
            self._put_all()
        found = self._post(payload)
        if "result" not in found:
            self._put_all()
            found = self._post(payload)
        if "result" not in found:
            raise EvaluatorError("The OPA server does not know the bundle.")
        return found["result"]

    def close(self) -> None:
        """Nothing is held here; the server keeps the bundle for those who still ask."""

    def abandon(self) -> None:
        """Nothing is held here."""

    def _post(self, payload: bytes) -> dict[str, Any]:
        # Without strict errors a failing builtin is undefined in OPA, and the rule would pass in silence.
        path = f"/v1/data/{self._prefix}/ruling/result?strict-builtin-errors=true"
        status, body = self._send("POST", path, b'{"input":' + payload + b"}", self.seconds)
        if status != http.client.OK:
            raise EvaluatorError(f"The OPA server answers {status}: {_said(body)}")
        return body

    def _put_all(self) -> None:
        """Put every file. One that needs another which is not there yet is tried again after the others."""
        with self._lock:
            modules = ask_once({"task": "parse", "files": self._bundle.files})
            waiting = list(placed(self._bundle.files, modules, self._prefix))
            while waiting:
                left = [(name, text, why) for name, text in waiting if (why := self._put(name, text))]
                if len(left) == len(waiting):
                    raise EvaluatorError(f"The OPA server refuses {left[0][0]}: {left[0][2]}")
                waiting = [(name, text) for name, text, _ in left]
            self._is_put = True

    def _put(self, name: str, text: str) -> str:
        """Why the server refuses the file, or nothing."""
        path = f"/v1/policies/{self._prefix}/{quote(name)}"
        status, body = self._send("PUT", path, text.encode(), PUT_SECONDS, kind="text/plain")
        return "" if status == http.client.OK else f"{status}: {_said(body)}"

    def _send(
        self, method: str, path: str, body: bytes, seconds: float, *, kind: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        until = time.monotonic() + seconds
        make = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = make(self._host, timeout=seconds)
        try:
            connection.request(method, self._base + path, body, {"Content-Type": kind})
            response = connection.getresponse()
            found = json.loads(self._read(connection, response, until) or b"{}")
        except (TimeoutError, http.client.HTTPException, OSError) as error:
            if isinstance(error, TimeoutError):
                raise EvaluatorError(f"The OPA server did not answer within {seconds * 1000:.0f} ms.") from None
            raise EvaluatorError(f"The OPA server does not answer: {type(error).__name__}.") from None
        except ValueError:
            raise EvaluatorError("The OPA server's answer is not JSON.") from None
        finally:
            connection.close()
        if not isinstance(found, dict):
            raise EvaluatorError("The OPA server's answer is malformed.")
        return response.status, found

    @staticmethod
    def _read(connection: http.client.HTTPConnection, response: http.client.HTTPResponse, until: float) -> bytes:
        """The body, within the deadline as a whole: a socket's own limit begins anew with every part."""
        parts = bytearray()
        while part := response.read1(65536):
            parts += part
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if len(parts) > MAX_REPLY:
                raise EvaluatorError("The OPA server's answer is too long.")
            if connection.sock is not None:
                connection.sock.settimeout(left)
        return bytes(parts)


def _said(body: dict[str, Any]) -> str:
    """What the server says is wrong, on one line."""
    first = (body.get("errors") or [{}])[0]
    place = first.get("location") or {}
    at = f"{place.get('file', '')}:{place.get('row', '')}: " if place else ""
    return on_one_line(f"{at}{first.get('message') or body.get('message') or 'no reason given'}")[:300]
