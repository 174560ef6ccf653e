"""An operation as its page shows it: title, pill, manifest, steps with usual times, log lines, what can be done."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from observability.waiting import QueuePlace, seconds_in_words
from policies.results import Allowed, Denied
from portal.presenters import plans
from portal.presenters.waiting import Waits
from portal.templatetags.berth_words import amount, roughly, short_hash, stopwatch
from provisioning import kinds, states
from provisioning.closures import Closure
from provisioning.models import Operation, OperationLog, OperationStep
from provisioning.states import OperationStatus as S

LATE = 1.5
_STEP_STATES = {"done": "done", "running": "run", "failed": "bad", "undone": "skipped", "left": "bad"}
_TONES = {
    "bad": re.compile(r"\b(failed|error|refused|gave up|rejected)\b", re.IGNORECASE),
    "ok": re.compile(r"\b(ready|healthy|answers with|200)\b", re.IGNORECASE),
    "warn": re.compile(r"\b(try \d|retry|not reachable|503)\b", re.IGNORECASE),
}


def title(operation: Operation) -> str:
    """ "Create payments-api-dev", "Promote 2026.11.5 to payments-api-stage"."""
    kind = kinds.get(operation.kind)
    words = {"name": operation.environment.name, "release": release_of(operation)}
    return str(kind.title) % words if kind else f"{operation.kind} {operation.environment.name}"


def crumbs(operation: Operation) -> list[tuple[str, str | None]]:
    """Environments, this one, its operation."""
    environment = operation.environment
    return [
        (_("Environments"), reverse("environments")),
        (environment.name, reverse("environment", args=[environment.pk])),
        (operation.short_id, None),
    ]


def release_of(operation: Operation) -> str:
    """The version that an operation moves, or nothing."""
    return str(operation.arguments.get("release", {}).get("version", ""))


def detail(operation: Operation, steps: Sequence[OperationStep], signed: int = 0) -> str:
    """What follows the status word in the pill."""
    if operation.status == S.AWAITING_APPROVAL:
        return _("%(signed)s of %(needed)s signed") % {"signed": signed, "needed": operation.signatures_needed}
    if operation.status not in {S.RUNNING, S.VERIFYING} or not steps:
        return ""
    done = sum(1 for step in steps if step.status == "done")
    return _("step %(n)s of %(m)s") % {"n": min(done + 1, len(steps)), "m": len(steps)}


def pill_of(operation: Operation) -> str:
    """The key of the pill: applying has its own word."""
    return "applying" if operation.status == S.RUNNING else operation.status


def seconds_of(operation: Operation, now: datetime) -> float:
    """From the request to its end, or to now."""
    return max(0.0, ((operation.finished_at or now) - operation.created_at).total_seconds())


def manifest(operation: Operation, *, usual: float, signed: int, now: datetime) -> list[dict[str, Any]]:
    """The facts under the title."""
    version = operation.environment.template_version
    elapsed = stopwatch(seconds_of(operation, now))
    facts: list[dict[str, Any]] = [
        {"label": _("Elapsed"), "value": elapsed, "note": _("of usual %s") % stopwatch(usual) if usual >= 1 else ""},
        {"label": _("Template"), "value": f"{version.template.slug} {version.version}", "code": True},
    ]
    if operation.change_digest:
        facts.append({"label": _("Plan"), "digest": operation.change_digest})
        facts.append({"label": _("Changes"), "value": str(plans.counts(operation.plan))})
    if release_of(operation):
        facts.append({"label": _("Release"), "value": release_of(operation), "code": True})
    facts.append(_signature_fact(operation, signed))
    rate = operation.environment.rate_running * 24
    cost = amount(rate, currency=operation.environment.currency)
    facts.append({"label": _("Cost"), "value": cost, "note": _("a day")})
    return facts


def _signature_fact(operation: Operation, signed: int) -> dict[str, Any]:
    if not operation.signatures_needed:
        return {"label": _("Signature"), "value": _("none"), "note": _("needed in %s") % operation.tier}
    words = {"signed": signed, "needed": operation.signatures_needed}
    return {"label": _("Signatures"), "value": _("%(signed)s of %(needed)s") % words}


def steps(rows: Iterable[OperationStep], usual: Mapping[str, float], *, now: datetime) -> list[dict[str, Any]]:
    """Rows for components/step.html, all on one scale."""
    found = list(rows)
    spent = [_spent(row, now) for row in found]
    scale = max([s or 0 for s in spent] + [usual.get(row.name, 0) * 1.2 for row in found] + [1.0])
    return [_step(row, s, usual.get(row.name), scale) for row, s in zip(found, spent, strict=True)]


def _spent(row: OperationStep, now: datetime) -> float | None:
    if row.started_at is None:
        return None
    return ((row.ended_at or now) - row.started_at).total_seconds()


def _step(row: OperationStep, spent: float | None, usual: float | None, scale: float) -> dict[str, Any]:
    late = bool(usual and spent and spent > max(usual * LATE, usual + 2))
    why = {"undone": _("Undone."), "left": _("Left behind: it could not be removed.")}.get(row.status, "")
    return {
        "id": row.pk,
        "name": row.title,
        "state": _STEP_STATES.get(row.status, "todo"),
        "seconds": spent,
        "usual": usual if usual and usual >= 1 else None,
        "scale": scale,
        "late": late,
        "why": f"{why} {row.detail}".strip() or (_("Slower than usual.") if late else ""),
    }


def log_lines(rows: Iterable[OperationLog]) -> list[dict[str, Any]]:
    """Rows for components/log_line.html."""
    return [{"at": row.at, "text": row.line, "tone": tone_of(row.line), "id": row.pk} for row in rows]


def tone_of(line: str) -> str:
    """A line that tells of trouble or success is coloured as well as said."""
    return next((tone for tone, words in _TONES.items() if words.search(line)), "")


def queue(place: QueuePlace | None) -> dict[str, Any] | None:
    """For components/queue_box.html."""
    if place is None:
        return None
    holder = place.holder
    return {
        "position": place.position,
        "of": place.length,
        "title": place.reason[:1].upper() + place.reason[1:],
        "why": " ".join(_times(place)),
        "words": place.words,
        "holder": holder and {"name": holder.short_id, "url": reverse("operation", args=[holder.pk])},
    }


def _times(place: QueuePlace) -> Iterable[str]:
    """How long it usually takes, and until when it waits, as far as is known."""
    if place.usual_seconds is not None:
        yield _("Usually %s.") % seconds_in_words(place.usual_seconds)
    if place.starts_in_seconds is not None:
        yield _("Its turn comes in %s.") % seconds_in_words(place.starts_in_seconds)


@dataclass(frozen=True)
class Rights:
    """What this viewer may do with the operation, as the rules answered."""

    change: Allowed | Denied
    sign: Allowed | Denied | None


def force(
    operation: Operation, at: datetime | None, allowed: Allowed | Denied, *, now: datetime
) -> dict[str, Any] | None:
    """For operations/force.html: nothing unless somebody asked to cancel and it goes on."""
    if at is None:
        return None
    return {"at": at, "open": now >= at, "may": bool(allowed), "who": "" if allowed else allowed.who}  # type: ignore[union-attr]


def healing(operation: Operation) -> dict[str, Any]:
    """Mixed versions in words: what was met, how often it was tried, how it ended."""
    met = operation.healing
    if not met:
        return {}
    releases = ", ".join(met["releases"]) or _("a release that arrived only in part")
    words = {"releases": releases, "tries": met["tries"], "seconds": stopwatch(met.get("seconds"))}
    if met.get("by") == "rollback":
        return {"tone": "warn", "text": _("%(releases)s. The release before was brought back in %(seconds)s.") % words}
    if met.get("by") == "retry":
        return {"tone": "ok", "text": _("%(releases)s. Trying again mended it in %(seconds)s.") % words}
    return {"tone": "bad", "text": _("%(releases)s. It is being mended, try %(tries)s of 3.") % words}


def can_cancel(operation: Operation) -> bool:
    """Is there anything left to stop?"""
    stoppable = operation.status in states.WAITING or operation.status in states.ACTIVE
    return stoppable and operation.cancel_requested_at is None


def actions(operation: Operation, rights: Rights) -> list[dict[str, Any]]:
    """Buttons of the title block, the primary one last."""
    found: list[dict[str, Any]] = []
    if rights.change and can_cancel(operation):
        undoing = operation.status in {S.FAILING, S.CANCELLING}
        label = _("Cancel") if operation.status in states.WAITING or undoing else _("Cancel and undo")
        url = reverse("operation_cancel", args=[operation.pk])
        found.append({"label": label, "url": url, "icon": "square", "post": True, "danger": True})
    if rights.change and operation.status == S.FAILED:
        url = reverse("operation_retry", args=[operation.pk])
        found.append({"label": _("Retry"), "url": url, "icon": "refresh", "post": True, "primary": True})
    if operation.status == S.HELD and rights.change:
        url = reverse("approval", args=[operation.pk])
        found.append({"label": _("Read and answer"), "url": url, "icon": "message", "primary": True})
    if rights.sign:
        url = reverse("approval", args=[operation.pk])
        label = _("Read and sign %s") % short_hash(operation.change_digest)
        found.append({"label": label, "url": url, "icon": "signature", "primary": True})
    return found


def next_words(
    operation: Operation, rights: Rights, waits: Sequence[Waits], now: datetime, closed: Closure | None = None
) -> list[str]:
    """What happens next and who can move it, in sentences; `closed` is what would hold it once it is signed."""
    words = list(_status_words(operation, waits, now))
    if closed is not None:
        words.append(_("Signed now it would not begin yet. %s.") % closed.reason)
    if operation.cancel_requested_at and operation.status not in states.TERMINAL:
        words.append(_("Cancelling was asked for; it stops after its present step and undoes what it made."))
    if isinstance(rights.change, Denied) and (can_cancel(operation) or operation.status == S.FAILED):
        words.append(_("You may not change it. %s can.") % rights.change.who)
    return words


def _status_words(operation: Operation, waits: Sequence[Waits], now: datetime) -> Iterable[str]:
    status = operation.status
    if operation.blocked:
        yield operation.blocked
    for each in waits:
        age = roughly((now - each.since).total_seconds())
        yield _("%(sentence)s, for %(age)s.") % {"sentence": each.sentence, "age": age}
    if status == S.AWAITING_APPROVAL:
        if not waits:
            yield _("Nobody who is left can sign this.")
    elif status in _WORDS:
        yield str(_WORDS[status])
    if status == S.FAILED:
        yield _("Retry runs it again from its failed step, under the same plan.")


_WORDS: dict[str, Any] = {
    S.REQUESTED: lazy("A worker plans it next."),
    S.QUEUED: lazy("Before it begins it is planned again; a plan that differs goes back to its signers."),
    S.PLANNING: lazy("A worker compares what is asked with what exists."),
    S.RUNNING: lazy("If it fails, what it made is removed again."),
    S.VERIFYING: lazy("Every step is done; the result is checked from outside."),
    S.FAILING: lazy("What it made is being removed."),
    S.CANCELLING: lazy("What it made is being removed."),
    S.SUCCEEDED: lazy("Done. Nothing is left to do."),
    S.ROLLED_BACK: lazy("Everything it had made was removed. Ask again when the cause is mended."),
    S.DENIED: lazy("Nothing was changed. Mend what the rules name, then ask again."),
    S.REJECTED: lazy("Nothing was changed. Read the reason, then ask again."),
    S.EXPIRED: lazy("Nobody signed in time and nothing was changed. Ask again."),
    S.CANCELLED: lazy("It was stopped before it changed anything."),
}


def tabs(operation: Operation, current: str, numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    """Log, plan, decisions, approvals, timeline, with counts."""
    total = plans.counts(operation.plan).total
    labels = {
        "log": (_("Log"), numbers["log"]),
        "plan": (_("Plan diff"), total),
        "decisions": (_("Decisions"), numbers["decisions"]),
        "approvals": (_("Approvals"), numbers["approvals"]),
        "timeline": (_("Timeline"), numbers["timeline"]),
    }
    return [
        {
            "label": label,
            "count": count,
            "url": reverse("operation_tab", args=[operation.pk, name]),
            "current": name == current,
        }
        for name, (label, count) in labels.items()
    ]


def rules_pass(count: int) -> str:
    """ "12 rules pass"."""
    return ngettext("%(n)s rule passes", "%(n)s rules pass", count) % {"n": count}
