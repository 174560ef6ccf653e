"""One person at a browser: signs in by the form, then talks to the API with the session and its CSRF token."""

import time
import uuid
from typing import Any

import httpx


class Refused(Exception):
    """The portal said no. `problem` is what it answered."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('title', problem)}")
        self.status, self.problem = status, problem


class Person:
    """Signed in at `base`; every call raises Refused for a 4xx or 5xx."""

    def __init__(self, base: str, username: str, password: str) -> None:
        # nginx ends idle connections when a new route is loaded, which a request on its way would not survive.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(base_url=base, timeout=30, headers={"Referer": f"{base}/"}, limits=limits)
        self.name = username
        self._http.get("/signin/").raise_for_status()
        answer = self._http.post(
            "/signin/", data={"username": username, "password": password, "csrfmiddlewaretoken": self._csrf()}
        )
        if answer.status_code != 302:
            raise Refused(answer.status_code, {"title": f"{username} could not sign in"})

    def _csrf(self) -> str:
        return self._http.cookies.get("csrftoken") or ""

    def get(self, path: str, **query: Any) -> Any:
        """GET below /api/v1/, as JSON."""
        return self._answer(self._http.get(f"/api/v1/{path}", params=query))

    def post(self, path: str, body: dict[str, Any], *, key: str = "") -> Any:
        """POST below /api/v1/, with an idempotency key of its own unless given."""
        headers = {"X-CSRFToken": self._csrf(), "Idempotency-Key": key or str(uuid.uuid4())}
        return self._answer(self._http.post(f"/api/v1/{path}", json=body, headers=headers))

    def text(self, path: str) -> str:
        """GET anywhere, as text."""
        answer = self._http.get(path)
        answer.raise_for_status()
        return answer.text

    @staticmethod
    def _answer(answer: httpx.Response) -> Any:
        if answer.is_error:
            is_json = "json" in answer.headers.get("Content-Type", "")
            raise Refused(answer.status_code, answer.json() if is_json else {"title": answer.text[:200]})
        return answer.json()

    def until(self, path: str, field: str, *values: str, seconds: float = 60) -> Any:
        """Poll an object until a field has one of the values."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.get(path)
            if found[field] in values:
                return found
            if found.get("status") in {"failed", "denied", "rolled_back", "expired"} and field == "status":
                break
            time.sleep(0.05)
        reason = found.get("error") or found.get("blocked") or found[field]
        raise Refused(0, {"title": f"{path} did not become {' or '.join(values)}: {reason}"})
