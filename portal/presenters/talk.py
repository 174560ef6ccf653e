"""What was said and decided about one operation, in one thread: requests, signatures, questions, answers, comments."""

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from policies.models import BrokenGlass, Comment, Signature, Verdict
from provisioning.actions.comment import MENTION
from provisioning.models import Hold, Operation

_BREAKS = re.compile(r"\r?\n")


def said(text: str, mentions: Collection[str] = ()) -> SafeString:
    """Words of a person as safe markup: everything is escaped, lines stay lines, mentions stand out."""

    def marked(match: re.Match[str]) -> str:
        name = match[1].rstrip(".+-")
        return f'<b class="mention">@{name}</b>{match[1][len(name) :]}' if name in mentions else match[0]

    safe = MENTION.sub(marked, escape(text.strip()))
    return mark_safe(_BREAKS.sub("<br>", safe))  # noqa: S308 - every piece of text went through escape()


def conversation(operation: Operation) -> list[dict[str, Any]]:
    """Everything, newest first; what is void stays and says why."""
    signatures = Signature.objects.filter(subject=operation.ref).select_related("signer", "on_behalf_of")
    rows = [
        _row("wait", str(operation.requester or _("A schedule")), _("asked"), operation.created_at, operation.reason),
        *(_signed(signature) for signature in signatures),
        *(row for held in operation.holds.select_related("by", "ended_by") for row in _held(held)),
        *(_commented(each) for each in Comment.objects.filter(subject=operation.ref).select_related("author")),
        *(row for each in _glass(operation) for row in _broken(each)),
    ]
    return sorted(rows, key=lambda row: row["at"], reverse=True)


def _row(tone: str, who: str, act: str, at: datetime, text: str = "", **more: Any) -> dict[str, Any]:
    return {"tone": tone, "who": who, "act": act, "at": at, "text": said(text), **more}


def _signed(signature: Signature) -> dict[str, Any]:
    approved = signature.verdict == Verdict.APPROVE
    act = _("signed") if approved else _("rejected")
    if signature.on_behalf_of:
        act = _("%(act)s for %(who)s") % {"act": act, "who": signature.on_behalf_of}
    tone = "idle" if signature.voided_at else "ok" if approved else "bad"
    more = {"digest": signature.digest, "void": signature.void_reason if signature.voided_at else ""}
    return _row(tone, str(signature.signer), act, signature.at, signature.reason, **more)


_ENDS = {
    Hold.Ending.ANSWERED: ("wait", lazy("answered")),
    Hold.Ending.EDITED: ("wait", lazy("changed the request")),
    Hold.Ending.RESUMED: ("idle", lazy("took it back")),
}


def _held(held: Hold) -> Iterable[dict[str, Any]]:
    act = _("asked about") if held.kind == Hold.Kind.QUESTION else _("sent back")
    yield _row("warn", str(held.by), act, held.at, held.text, digest=held.digest)
    if held.ended_at and held.ending in _ENDS:
        tone, words = _ENDS[Hold.Ending(held.ending)]
        yield _row(tone, str(held.ended_by), str(words), held.ended_at, held.answer)


def _commented(each: Comment) -> dict[str, Any]:
    row = _row("idle", str(each.author), _("wrote"), each.at)
    return row | {"text": said(each.text, each.mentions)}


def _glass(operation: Operation) -> QuerySet[BrokenGlass]:
    return BrokenGlass.objects.filter(subject=operation.ref).select_related("breaker", "reviewer")


def _broken(each: BrokenGlass) -> Iterable[dict[str, Any]]:
    act = _("went ahead without signatures")
    yield _row("bad", str(each.breaker), act, each.at, each.reason, digest=each.digest)
    if each.reviewed_at:
        yield _row("ok", str(each.reviewer), _("reviewed the emergency"), each.reviewed_at, each.review)
