"""What the binary says with `-json`: lines for the log, and the error that ended a run. Values are never repeated."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from provisioning.drivers.base import DriverError, DriverRejected, DriverUnavailable, Log

_DOING = {"create": "creating", "update": "changing", "delete": "destroying", "read": "reading"}
_DONE = {"create": "created", "update": "changed", "delete": "destroyed", "read": "read"}
_LOCKED = "Error acquiring the state lock"
_STALE = "Saved plan is stale"
_BACKEND = (
    "failed to get existing",
    "failed to load state",
    "error loading state",
    "error refreshing state",
    "failed to save state",
    "failed to persist state",
    "error saving state",
    "error releasing the state lock",
    "error inspecting states",
)
MOST_DIAGNOSTICS = 20


class StalePlan(DriverRejected):
    """The state changed after the plan was made."""


class Messages:
    """Reads the lines of one run: what people should see goes to `log`, errors are kept."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.errors: list[Mapping[str, Any]] = []
        self.finished: dict[str, float] = {}

    def __call__(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return
        if not isinstance(said, dict):
            return
        kind = str(said.get("type", ""))
        if kind == "diagnostic":
            self._diagnose(said.get("diagnostic") or {})
        elif kind in _WORDS and (text := _WORDS[kind](said)):
            self._log(text)
        if kind == "apply_complete":
            hook = said["hook"]
            self.finished[hook["resource"]["addr"]] = float(hook.get("elapsed_seconds") or 0)

    def _diagnose(self, found: Mapping[str, Any]) -> None:
        if found.get("severity") == "error" and len(self.errors) < MOST_DIAGNOSTICS:
            self.errors.append(found)
        self._log(f"{found.get('severity', 'note')}: {sentence(found)}")

    def error(self) -> DriverError:
        """What ended the run, typed."""
        if not self.errors:
            return DriverRejected("The program ended without saying why; its log has no error.")
        summaries = [str(found.get("summary", "")) for found in self.errors]
        if any(text.startswith(_LOCKED) for text in summaries):
            return DriverUnavailable(f"The state is locked. {_holder(self.errors)}".strip())
        if any(text.startswith(_STALE) for text in summaries):
            return StalePlan("The state changed after the plan was made.")
        if any(text.lower().startswith(_BACKEND) for text in summaries):
            return DriverUnavailable("The state could not be read or written; the log has the reason.")
        return DriverRejected(sentence(self.errors[0]))


def sentence(found: Mapping[str, Any]) -> str:
    """A diagnostic in one line: where, what, and the first line of why."""
    detail = next((line for line in str(found.get("detail", "")).splitlines() if line.strip()), "")
    where = str(found.get("address") or "")
    parts = [f"{where}:" if where else "", f"{found.get('summary', '')}".rstrip("."), f"– {detail}" if detail else ""]
    return " ".join(part for part in parts if part)[:500]


def _holder(errors: list[Mapping[str, Any]]) -> str:
    for found in errors:
        for line in str(found.get("detail", "")).splitlines():
            name, _, value = line.strip().partition(":")
            if name.strip() == "Who" and value.strip():
                return f"{value.strip()} holds it."
    return ""


def _start(said: Mapping[str, Any]) -> str:
    hook = said["hook"]
    return f"{hook['resource']['addr']}: {_DOING.get(hook.get('action', ''), 'working')}"


def _progress(said: Mapping[str, Any]) -> str:
    hook = said["hook"]
    doing = _DOING.get(hook.get("action", ""), "working")
    return f"{hook['resource']['addr']}: still {doing}, {hook.get('elapsed_seconds', 0):.0f} s"


def _complete(said: Mapping[str, Any]) -> str:
    hook = said["hook"]
    done = _DONE.get(hook.get("action", ""), "done")
    return f"{hook['resource']['addr']}: {done} after {hook.get('elapsed_seconds', 0):.0f} s"


def _errored(said: Mapping[str, Any]) -> str:
    hook = said["hook"]
    return f"{hook['resource']['addr']}: failed after {hook.get('elapsed_seconds', 0):.0f} s"


def _provisioned(said: Mapping[str, Any]) -> str:
    hook = said["hook"]
    return f"{hook['resource']['addr']} ({hook.get('provisioner', '')}): {hook.get('output', '')}"


def _summary(said: Mapping[str, Any]) -> str:
    counts = said.get("changes") or {}
    found = ", ".join(f"{counts[name]} to {name}" for name in ("add", "change", "remove", "import") if counts.get(name))
    return f"{str(counts.get('operation', 'plan')).capitalize()}: {found or 'nothing to do'}"


def _drifted(said: Mapping[str, Any]) -> str:
    change = said.get("change") or {}
    return f"{(change.get('resource') or {}).get('addr', '')}: changed outside of Berth ({change.get('action', '')})"


_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "apply_start": _start,
    "apply_progress": _progress,
    "apply_complete": _complete,
    "apply_errored": _errored,
    "provision_progress": _provisioned,
    "provision_errored": _provisioned,
    "resource_drift": _drifted,
    "change_summary": _summary,
}
