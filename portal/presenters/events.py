"""History in words: known events as sentences, row changes as what changed, unknown ones by their own name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from audit.models import AuditEvent
from portal.presenters import diffs
from portal.templatetags.berth_words import short_hash

MACHINES = ("system:", "worker:", "schedule")
Names = Mapping[str, str]


@dataclass(frozen=True)
class Sentence:
    """ "asked for create · payments-api-dev · more": act, what it was done to, and what follows."""

    act: str
    what: str
    more: str = ""
    tone: str = "idle"

    def __str__(self) -> str:
        return " ".join(part for part in (self.act, self.what, self.more) if part)


def sentence(event: AuditEvent, names: Names) -> Sentence:
    """What happened, in words."""
    if event.source == "row":
        return _row(event, names)
    known = _KNOWN.get(event.event)
    if known is None:
        return Sentence(event.event, what_of(event, names))
    act, tone, more = known
    what = "" if event.object == event.actor else what_of(event, names)
    return Sentence(str(act), what, more(event.data or {}), tone)


def what_of(event: AuditEvent, names: Names) -> str:
    """The name of what it was done to; for an operation, that of its environment."""
    data = event.data or {}
    environment = names.get(f"environment:{data.get('environment', '')}")
    kind = data.get("kind") or ""
    own = event.actor_label if event.object == event.actor else ""
    name = data.get("name") or environment or names.get(event.object) or own or _short(event.object)
    return f"{kind} {name}".strip() if event.object.startswith("operation:") else str(name)


def _short(ref: str) -> str:
    prefix, colon, key = ref.partition(":")
    if prefix == "operation":
        return f"op-{key.replace('-', '')[:6]}"
    return f"{prefix} {key[:8] if len(key) > 20 else key}" if colon else ref


def _row(event: AuditEvent, names: Names) -> Sentence:
    prefix, _dot, act = event.event.rpartition(".")
    noun = prefix.replace("_", " ")
    name = names.get(event.object) or _short(event.object)
    if act == "updated":
        fields = ", ".join(sorted({*(event.before or {}), *(event.after or {})})[:4]).replace("_", " ")
        return Sentence(_("changed the record"), name, fields)
    return Sentence(_("wrote the record") if act == "inserted" else _("removed the record"), name, noun)


def _nothing(data: Mapping[str, Any]) -> str:
    return ""


def _said(*names: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda data: " ".join(str(data.get(name) or "") for name in names).strip()


def _way_in(data: Mapping[str, Any]) -> str:
    method = str(data.get("method") or "")
    return _("by %s") % method if method else ""


def _digest(data: Mapping[str, Any]) -> str:
    return _("plan %s") % short_hash(str(data.get("digest") or ""))


def _bundle(data: Mapping[str, Any]) -> str:
    return short_hash(str(data.get("digest") or ""))


def _rules(data: Mapping[str, Any]) -> str:
    return ", ".join(str(rule) for rule in data.get("rules") or ())


def _new_plan(data: Mapping[str, Any]) -> str:
    words = {"old": short_hash(str(data.get("from", ""))), "new": short_hash(str(data.get("to", "")))}
    parts = str(data.get("changed") or "")
    return f"{_('from %(old)s to %(new)s') % words}: {parts}"


def _changed(data: Mapping[str, Any]) -> str:
    names = data.get("changed")
    return ", ".join(str(name) for name in names) if isinstance(names, list) else ""


def _refusal(data: Mapping[str, Any]) -> str:
    return f"{data.get('rule', '')}: {data.get('reason', '')}"


def _hours(data: Mapping[str, Any]) -> str:
    return _("by %s h") % str(data.get("hours", "?"))


_KNOWN: dict[str, tuple[Any, str, Callable[[Mapping[str, Any]], str]]] = {
    "bundle.drafted": (lazy("drafted the policy"), "idle", _said("source")),
    "bundle.activated": (lazy("put into force the policy"), "ok", _bundle),
    "bundle.shadowed": (lazy("put into shadow the policy"), "run", _bundle),
    "bundle.withdrawn": (lazy("withdrew the policy"), "idle", _bundle),
    "bundle.refused": (lazy("was refused with the policy"), "bad", _said("reason")),
    "bundle.replayed": (lazy("replayed the policy"), "idle", _nothing),
    "environment.judged": (lazy("judged again, as it runs,"), "warn", _rules),
    "operation.requested": (lazy("asked for"), "idle", _nothing),
    "operation.claimed": (lazy("took up"), "run", _nothing),
    "operation.planning": (lazy("planned"), "run", _nothing),
    "operation.awaiting_approval": (lazy("sent to its signers:"), "wait", _nothing),
    "operation.signed": (lazy("signed"), "ok", _digest),
    "operation.refused_by_signer": (lazy("rejected"), "bad", _digest),
    "operation.rejected": (lazy("ended by a rejection:"), "bad", _nothing),
    "operation.queued": (lazy("queued"), "idle", _nothing),
    "operation.running": (lazy("began"), "run", _nothing),
    "operation.verifying": (lazy("checks the result of"), "run", _nothing),
    "operation.succeeded": (lazy("finished"), "ok", _nothing),
    "operation.failing": (lazy("undoes"), "warn", _nothing),
    "operation.rolled_back": (lazy("rolled back"), "warn", _nothing),
    "operation.failed": (lazy("failed at"), "bad", _said("error")),
    "operation.ended": (lazy("ended"), "idle", _nothing),
    "operation.denied": (lazy("stopped by policy:"), "bad", _nothing),
    "operation.refused": (lazy("refused"), "bad", _refusal),
    "operation.forced": (lazy("forced the end of"), "bad", _said("reason")),
    "operation.seized": (lazy("took from its worker:"), "warn", _nothing),
    "operation.mixed": (lazy("met mixed versions in"), "warn", _nothing),
    "operation.healed": (lazy("ended mixed versions in"), "ok", _said("by")),
    "environment.drifted": (lazy("found a difference in"), "warn", _nothing),
    "environment.check_asked": (lazy("asked to check"), "idle", _nothing),
    "environment.record_deleted": (lazy("deleted the record of"), "bad", _said("reason")),
    "orphan.listed": (lazy("listed as left behind:"), "warn", _nothing),
    "orphan.removed": (lazy("removed what was left of"), "ok", _nothing),
    "orphan.retry_asked": (lazy("asked to remove again:"), "idle", _nothing),
    "orphan.marked_removed": (lazy("marked as removed by hand:"), "ok", _said("reason")),
    "operation.cancelled": (lazy("cancelled"), "idle", _nothing),
    "operation.cancelling": (lazy("stops and undoes"), "warn", _nothing),
    "operation.cancel_requested": (lazy("asked to cancel"), "warn", _nothing),
    "operation.plan_changed": (lazy("found a new plan of"), "warn", _new_plan),
    "operation.put_off": (lazy("put off"), "warn", _said("reason")),
    "operation.expired": (lazy("ran out of time:"), "idle", _nothing),
    "operation.held": (lazy("held"), "warn", _nothing),
    "operation.questioned": (lazy("asked about"), "wait", _digest),
    "operation.sent_back": (lazy("sent back"), "wait", _digest),
    "operation.answered": (lazy("answered for"), "idle", _nothing),
    "operation.resumed": (lazy("took up again"), "idle", _nothing),
    "operation.edited": (lazy("changed the request for"), "warn", _changed),
    "operation.commented": (lazy("commented on"), "idle", _nothing),
    "environment.extended": (lazy("extended"), "ok", _hours),
    "environment.warned": (lazy("warned of the expiry of"), "warn", _nothing),
    "release.registered": (lazy("registered"), "ok", _said("version")),
    "template.published": (lazy("published"), "ok", _said("version")),
    "template.refused": (lazy("refused to publish"), "bad", _said("reason")),
    "template.retired": (lazy("retired"), "idle", _nothing),
    "source.refused": (lazy("could not read"), "bad", _said("reason")),
    "secret.revealed": (lazy("revealed a secret of"), "warn", _said("name")),
    "admission.refused": (lazy("kept out of"), "bad", _said("reason")),
    "admission.installed": (lazy("made the admission webhook of"), "idle", _nothing),
    "waiver.asked": (lazy("asked for a waiver for"), "wait", _said("rule")),
    "waiver.granted": (lazy("granted a waiver for"), "warn", _said("rule")),
    "waiver.refused": (lazy("refused a waiver for"), "bad", _said("rule")),
    "waiver.withdrawn": (lazy("took back a waiver asked for"), "idle", _said("rule")),
    "waiver.expiring": (lazy("reminded of the end of a waiver for"), "warn", _said("rule")),
    "waiver.ended": (lazy("ended a waiver for"), "idle", _said("rule")),
    "environment.waiver_ended": (lazy("found without its waiver:"), "bad", _said("rule")),
    "window.saved": (lazy("kept the window"), "idle", _said("effect")),
    "window.retired": (lazy("put out of force the window"), "idle", _said("reason")),
    "line.stopped": (lazy("stopped the line of"), "bad", _said("reason")),
    "line.lifted": (lazy("lifted the stop of"), "ok", _said("reason")),
    "switch.on": (lazy("used the switch"), "warn", _said("reason")),
    "switch.off": (lazy("ended the switch"), "idle", _nothing),
    "operation.paused": (lazy("holds for a window"), "wait", _said("window")),
    "token.created": (lazy("made a token"), "idle", _said("name")),
    "token.revoked": (lazy("revoked a token"), "idle", _said("name")),
    "token.rotated": (lazy("rotated a token"), "idle", _said("name")),
    "access.granted": (lazy("gave a right"), "idle", _said("effect", "what", "to")),
    "access.revoked": (lazy("ended a grant"), "idle", _said("effect", "what", "of")),
    "access.refused": (lazy("was refused access"), "bad", _said("reason")),
    "access.review_revoked": (lazy("revoked in a review"), "warn", _said("what", "of")),
    "person.left": (lazy("closed the account"), "warn", _said("person")),
    "machine.created": (lazy("made a service account"), "idle", _said("name")),
    "impersonation.began": (lazy("began to look"), "warn", _said("as", "reason")),
    "impersonation.ended": (lazy("ended a look"), "idle", _said("as")),
    "environment.transferred": (lazy("handed on"), "idle", _said("to")),
    "environment.lifetime_set": (lazy("set the lifetime of"), "idle", _nothing),
    "signin.succeeded": (lazy("signed in"), "idle", _way_in),
    "signin.failed": (lazy("failed to sign in"), "warn", _nothing),
    "signin.ended": (lazy("signed out"), "idle", _nothing),
    "history.exported": (lazy("exported the history"), "warn", _said("format")),
}


def known_events() -> list[str]:
    """The event names that have a sentence, for the filter."""
    return sorted(_KNOWN)


def timeline(events: list[AuditEvent], names: Names) -> list[dict[str, Any]]:
    """Rows for components/timeline.html."""
    found = []
    for event in events:
        said = sentence(event, names)
        found.append({"tone": said.tone, "text": str(said), "at": event.at, "who": who(event), "url": link(event)})
    return found


def who(event: AuditEvent) -> str:
    """Who did it, by name."""
    return event.actor_label or event.actor


def is_machine(event: AuditEvent) -> bool:
    """A worker or a schedule has no face."""
    return event.actor.startswith(MACHINES)


def link(event: AuditEvent) -> str:
    """The permanent address of an event."""
    return reverse("history_event", args=[event.pk])


def rows(events: list[AuditEvent], names: Names) -> list[dict[str, Any]]:
    """Rows of the history's list."""
    return [
        {
            "id": event.pk,
            "at": event.at,
            "who": who(event),
            "machine": is_machine(event),
            "said": sentence(event, names),
        }
        for event in events
    ]


def facts(event: AuditEvent, names: Names) -> list[dict[str, Any]]:
    """The selected event, field by field."""
    found: list[dict[str, Any]] = [
        {"label": _("Who"), "value": f"{who(event)} ({event.actor})"},
        {"label": _("What"), "value": names.get(event.object) or event.object, "url": target(event.object)},
        {"label": _("Event"), "value": event.event, "code": True},
        {"label": _("When"), "value": event.at.isoformat(timespec="milliseconds"), "code": True},
        _why(event),
    ]
    if event.operation:
        name = names.get(event.operation) or event.operation
        found.append({"label": _("Part of"), "value": name, "url": target(event.operation)})
    if event.request_id:
        found.append({"label": _("Request"), "value": event.request_id, "code": True})
    if event.source == "row":
        found.append({"label": _("Table"), "value": event.table_name, "code": True})
    return found


def _why(event: AuditEvent) -> dict[str, Any]:
    if event.reason:
        return {"label": _("Why"), "value": event.reason}
    return {"label": _("Why"), "value": _("no reason given"), "tone": "3"}


def target(ref: str) -> str:
    """The page of what an event is about, where it has one."""
    prefix, _colon, key = ref.partition(":")
    if prefix in {"environment", "operation"} and len(key) == 36:
        return reverse(prefix, args=[key])
    return ""


def sides(event: AuditEvent) -> list[diffs.Line]:
    """Before and after of a row change, or the data of an event."""
    if event.source == "row":
        return diffs.lines(event.before, event.after)
    return diffs.lines(event.data or {}, event.data or {})


def as_json(event: AuditEvent) -> dict[str, Any]:
    """Every field of an event, for machines."""
    names = ("id", "at", "epoch", "txid", "source", "event", "table_name", "object", "actor", "actor_label")
    more = ("request_id", "operation", "reason", "scope", "before", "after", "data")
    return {name: getattr(event, name) for name in (*names, *more)}
