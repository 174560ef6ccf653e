"""Asks an environment through the router, as any other program would."""

from __future__ import annotations

import http.client
import json
from typing import Any

ROUTER_HOST = "127.0.0.1"


def ask(port: int, host: str) -> dict[str, Any]:
    """Return the JSON object that answers at `/`, or {} when none does."""
    client = http.client.HTTPConnection(ROUTER_HOST, port, timeout=2)
    try:
        client.request("GET", "/", headers={"Host": host, "Accept": "application/json"})
        answer = json.loads(client.getresponse().read(65536))
        return answer if isinstance(answer, dict) else {}
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        client.close()
