"""May this thing, now? `judge` asks the active Rego bundle about plain facts and answers with a Ruling.

Fails closed: whatever goes wrong is a blocking finding of rule `policy.engine`, never an exception.
Who may do what lives in `permissions.py`; checking bundles in `bundle.py`; processes in `pool.py`.
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from policies import engines
from policies.bundle import SEVERITIES, Bundle, Refusal, activate
from policies.engines import PolicyEngine
from policies.fact_check import gap
from policies.pool import EvaluatorError

POINTS = ("request", "plan", "claim", "running", "admission")
ENGINE, FACTS = "policy.engine", "policy.facts"
SHIPPED = Path(__file__).with_name("rego")
# What refuses: "block" always, "soft" until a person overrides it. A waived finding is "waived" (waivers.py).
BLOCKING = frozenset({"block", "soft"})
STATED = frozenset(("rule", "severity", "field", "value", "message", "fix", "who"))
INPUT_LIMIT = 2 << 20
DEADLINE_MS = 500
RETRY_SECONDS = 10.0
HELP = "The platform team"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of a ruling: what is wrong with which value, how to put it right, who can help.

    The last three are written by `waivers.applied` alone: the waiver that covers it, what one could be asked for,
    and who may grant it.
    """

    rule: str
    severity: str
    field: str
    value: Any
    message: str
    fix: str
    who: str
    waiver: int | None = None
    ask: tuple[str, ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answer: allowed unless a finding blocks. `passed` names the rules that found nothing.

    `document` is what was judged, as canonical JSON, for the log of decisions; empty when there was no judging.
    """

    allowed: bool
    findings: tuple[Finding, ...]
    passed: tuple[str, ...]
    bundle: str
    input_digest: str
    micros: int
    document: str = field(default="", repr=False, compare=False)

    @property
    def is_judged(self) -> bool:
        """Did the rules answer? If not, it is refused now, and what waits asks again."""
        return not any(finding.rule in (ENGINE, FACTS) for finding in self.findings)


class _Active:
    """The bundle and the engine of this process; a forked child starts with none."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.bundle: Bundle | None = None
        self.pool: PolicyEngine | None = None
        self.refusal: Refusal | None = None
        self.refused_at = 0.0


_active = _Active()


def _after_fork() -> None:
    """Leave the parent's evaluators and its lock (which another thread may hold) to the parent."""
    global _active
    inherited, _active = _active, _Active()
    _active.bundle = inherited.bundle
    if inherited.pool is not None:
        inherited.pool.abandon()


os.register_at_fork(after_in_child=_after_fork)


Chosen = Callable[[str], Bundle | None]
_chosen: Chosen | None = None


def follow(chosen: Chosen | None) -> None:
    """Ask `chosen(digest in force here)` at each judgement for another bundle; None from it: go on as now."""
    global _chosen
    _chosen = chosen


def judge(point: str, facts: dict[str, Any], *, now: datetime) -> Ruling:
    """Judge `facts` (docs/policies.md) at a point of an operation's life; `now` must carry a time zone."""
    started = time.perf_counter_ns()
    try:
        payload = _payload(_document(point, facts, now))
        asked, bundle = _ready()
    except EvaluatorError as error:
        return Ruling(False, (_failure(str(error)),), (), "", "", _micros(started))
    return ask(asked, bundle, payload, started=started)


def ask(engine: PolicyEngine, bundle: str, payload: bytes, *, started: int = 0) -> Ruling:
    """What `engine`, which holds the bundle of that digest, says to one document of facts. Never raises."""
    started = started or time.perf_counter_ns()
    digest = "sha256:" + hashlib.sha256(payload).hexdigest()
    try:
        findings, passed = _read(engine.ask(payload))
    except (EvaluatorError, OSError) as error:
        findings, passed = (_failure(str(error)),), ()
    allowed = not any(finding.severity in BLOCKING for finding in findings)
    return Ruling(allowed, findings, passed, bundle, digest, _micros(started), payload.decode())


def _micros(started: int) -> int:
    return (time.perf_counter_ns() - started) // 1000


def use(path: Path) -> Bundle | Refusal:
    """Put the bundle at `path` into force in this process if it passes every check."""
    outcome = activate(path)
    if isinstance(outcome, Bundle):
        with _active.lock:
            _install(outcome)
    return outcome


def in_force() -> Bundle | Refusal:
    """The bundle that `judge` asks in this process, with its rules and who may waive them."""
    try:
        _ready()
    except EvaluatorError as error:
        return _active.refusal or Refusal((str(error),))
    return cast("Bundle", _active.bundle)


def _document(point: str, facts: dict[str, Any], now: datetime) -> dict[str, Any]:
    if point not in POINTS:
        raise EvaluatorError(f"{point!r} is not a point at which policies are judged.")
    if now.tzinfo is None:
        raise EvaluatorError("The time of the request has no time zone.")
    return {**facts, "point": point, "now": now.isoformat()}


def _payload(document: dict[str, Any]) -> bytes:
    try:
        payload = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise EvaluatorError(f"The facts are not plain JSON: {error}") from None
    if len(payload) > INPUT_LIMIT:
        size, limit = len(payload) / (1 << 20), INPUT_LIMIT >> 20
        raise EvaluatorError(f"The facts are {size:.1f} MB long; {limit} MB is the limit.")
    missing = gap(document)
    if missing:
        raise EvaluatorError(f"The facts are incomplete at {missing}.")
    return payload


def _ready() -> tuple[PolicyEngine, str]:
    """This process's engine, made at first use, and the digest of its bundle."""
    active = _active
    other = _chosen(active.bundle.digest if active.bundle else "") if _chosen else None
    with active.lock:
        if other is not None:
            if active.bundle is None or active.bundle.digest != other.digest:
                _install(other)
        elif active.bundle is None:
            _install(_first_bundle(active))
        if active.pool is None or active.pool.pid != os.getpid():
            _install(cast("Bundle", active.bundle))
        return cast("PolicyEngine", active.pool), cast("Bundle", active.bundle).digest


def _first_bundle(active: _Active) -> Bundle:
    if active.refusal is None or time.monotonic() - active.refused_at > RETRY_SECONDS:
        outcome = activate(Path(_setting("POLICY_BUNDLE", SHIPPED)))
        if isinstance(outcome, Bundle):
            active.refusal = None
            return outcome
        active.refusal, active.refused_at = outcome, time.monotonic()
    raise EvaluatorError(f"The policy bundle is refused: {active.refusal.problems[0]}")


def _install(bundle: Bundle) -> None:
    """Swap bundle and engine; the caller holds the lock."""
    previous = _active.pool
    _active.bundle, _active.refusal = bundle, None
    _active.pool = open_engine(bundle)
    if previous is not None and previous.pid == os.getpid():
        previous.close()


def open_engine(bundle: Bundle) -> PolicyEngine:
    """An engine for this bundle, as the settings say; the caller closes it."""
    url = getattr(_setting("BERTH", None), "opa_url", "")
    return engines.open_engine(bundle, seconds=_setting("POLICY_DEADLINE_MS", DEADLINE_MS) / 1000, opa_url=url)


def _setting(name: str, default: Any) -> Any:
    try:
        return getattr(settings, name, default)
    except ImproperlyConfigured:
        return default


def _read(result: Any) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Turn the entry rule's value into findings and passed rules; anything malformed is a failure."""
    try:
        rules = [str(rule) for rule in result["rules"]]
        findings = [_finding(item) for item in result["findings"]]
        findings.sort(key=lambda f: (f.severity, f.rule, f.field, json.dumps(f.value, sort_keys=True)))
    except (TypeError, KeyError) as error:
        raise EvaluatorError(f"The bundle's answer is malformed: {error}") from None
    strange = [f.rule for f in findings if f.severity not in SEVERITIES or f.rule not in rules]
    if strange or not rules:
        raise EvaluatorError("The bundle's answer names no rules, or a finding of none of them.")
    hit = {finding.rule for finding in findings}
    return tuple(findings), tuple(sorted(rule for rule in rules if rule not in hit))


def _finding(item: dict[str, Any]) -> Finding:
    if set(item) != STATED:
        raise TypeError(f"a finding states exactly {', '.join(sorted(STATED))}")
    return Finding(**item)


def _failure(text: str) -> Finding:
    return Finding(
        rule=ENGINE,
        severity="block",
        field="",
        value=None,
        message=f"The policy check could not be done, so the request is refused. {text}",
        fix="Try again. If it happens again, show this message to the platform team.",
        who=HELP,
    )
