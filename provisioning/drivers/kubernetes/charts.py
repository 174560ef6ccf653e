"""Renders a template's Helm chart in a child process: Helm's library has a runtime of its own, and a chart may loop.

Run as a program it reads {files, values, name, namespace} from its input and writes {objects} or {error}.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from provisioning.drivers.base import DriverRejected
from provisioning.drivers.kubernetes.documents import BadDocuments, documents

_LIMIT_S = 30
_ROOT = Path(__file__).resolve().parents[3]
_HOOK, _TEST = "helm.sh/hook", "test"


def render(part: Mapping[str, Any], *, name: str, namespace: str) -> list[dict[str, Any]]:
    """Every object of the chart with the given values. Raises DriverRejected with Helm's own words."""
    asked = {"files": dict(part["files"]), "values": part.get("values") or {}, "name": name, "namespace": namespace}
    return json.loads(_rendered(json.dumps(asked, sort_keys=True)))  # type: ignore[no-any-return]


@lru_cache(maxsize=32)
def _rendered(asked: str) -> str:
    command = [sys.executable, "-m", "provisioning.drivers.kubernetes.charts"]
    try:
        ran = subprocess.run(
            command, input=asked.encode(), cwd=_ROOT, env={}, capture_output=True, timeout=_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise DriverRejected(f"The chart could not be rendered: {type(problem).__name__}.") from None
    try:
        answer = json.loads(ran.stdout)
    except ValueError:
        raise DriverRejected(f"The chart could not be rendered (status {ran.returncode}).") from None
    if "error" in answer:
        raise DriverRejected(f"The chart: {answer['error']}"[:400])
    return json.dumps(answer["objects"])


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_LIMIT_S, _LIMIT_S))
    asked = json.load(sys.stdin)
    try:
        answer: dict[str, Any] = {"objects": _objects(asked)}
    except BadDocuments as problem:
        answer = {"error": str(problem)}
    json.dump(answer, sys.stdout)


def _objects(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    import helm_python

    with tempfile.TemporaryDirectory(prefix="berth-chart-") as folder:
        for name, text in asked["files"].items():
            place = Path(folder) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        try:
            with helm_python.Chart.load(folder) as chart:
                texts, again = (
                    chart.render(asked["values"], name=asked["name"], namespace=asked["namespace"]) for _ in range(2)
                )
        except helm_python.HelmError as problem:
            raise BadDocuments(str(problem).replace(folder, "").replace("\n", " ")) from None
    if texts != again:
        raise BadDocuments("it gives something else each time it is rendered (a random value or the time)")
    found = [body for name in sorted(texts) if not name.endswith(".txt") for body in documents(texts[name])]
    return [body for body in found if not _is_test(body)]


def _is_test(body: Mapping[str, Any]) -> bool:
    hooks = ((body.get("metadata") or {}).get("annotations") or {}).get(_HOOK, "")
    return _TEST in str(hooks)


if __name__ == "__main__":
    _main()
