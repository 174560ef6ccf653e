"""History in words: known events as sentences, row changes as what changed, unknown ones by their own name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from audit.models import AuditEvent
from portal.presenters import diffs
from portal.presenters.event_words import KNOWN, UNNAMED

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
    known = KNOWN.get(event.event)
    if known is None:
        return Sentence(event.event, what_of(event, names))
    act, tone, more = known
    unsaid = event.object == event.actor or event.object.startswith(UNNAMED)
    what = "" if unsaid else what_of(event, names)
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


def known_events() -> list[str]:
    """The event names that have a sentence, for the filter."""
    return sorted(KNOWN)


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
