"""What the inbox and the approval page show: rows, signers and who is still missing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from policies.models import Signature, User, Verdict
from policies.results import Allowed, Denied
from portal.presenters import operations, plans
from portal.templatetags.berth_words import amount, short_clock
from provisioning.models import Operation


def inbox_rows(found: Iterable[Operation], signed: Mapping[str, int]) -> list[dict[str, Any]]:
    """Rows of the inbox table."""
    return [
        {
            "operation": operation,
            "title": operations.title(operation),
            "url": reverse("approval", args=[operation.pk]),
            "counts": plans.counts(operation.plan),
            "signed": signed.get(operation.ref, 0),
        }
        for operation in found
    ]


def signers(signatures: Sequence[Signature], eligible: Sequence[User], viewer: User, now: Any) -> list[dict[str, Any]]:
    """Who signed this digest, then who still may."""
    done = [_signed(signature, now) for signature in signatures]
    gone = {signature.signer_id for signature in signatures}
    left = [person for person in eligible if person.pk not in gone]
    return done + [_open(person, viewer) for person in left]


def _signed(signature: Signature, now: Any) -> dict[str, Any]:
    role = _("for %s") % signature.team.name if signature.owning else _("from another team")
    state = "signed" if signature.verdict == Verdict.APPROVE else "rejected"
    return {"name": str(signature.signer), "role": f"{role}, {short_clock(signature.at, now=now)}", "state": state}


def _open(person: User, viewer: User) -> dict[str, Any]:
    name = _("You") if person.pk == viewer.pk else str(person)
    return {"name": name, "role": _("may sign"), "state": "open", "when": _("open")}


def why_not(allowed: Allowed | Denied) -> str:
    """One sentence for the person who may not sign: the reason, and who can."""
    if isinstance(allowed, Allowed):
        return ""
    return f"{allowed.reason} {allowed.who} can." if allowed.who else f"{allowed.reason} {allowed.fix}".strip()


def manifest(operation: Operation, *, signed: int, present: str) -> list[dict[str, Any]]:
    """The facts under the title of an approval."""
    environment = operation.environment
    release = operations.release_of(operation)
    facts: list[dict[str, Any]] = []
    if release:
        facts.append({"label": _("Release"), "value": f"{present or _('none')} → {release}", "code": True})
    facts += [
        {"label": _("Plan"), "value": str(plans.counts(operation.plan))},
        {"label": _("Environment"), "value": environment.name},
        {"label": _("Team"), "value": operation.team.name},
        {
            "label": _("Cost"),
            "value": amount(environment.rate_running * 24, currency=environment.currency),
            "note": _("a day"),
        },
        {
            "label": _("Signatures"),
            "value": _("%(signed)s of %(needed)s") % {"signed": signed, "needed": operation.signatures_needed},
        },
    ]
    return facts


def conversation(operation: Operation, signatures: Sequence[Signature]) -> list[dict[str, Any]]:
    """The request and what each signer said, newest first; void signatures say so."""
    said = [
        {
            "tone": "wait",
            "text": _quote(_("asked"), operation.reason),
            "at": operation.created_at,
            "who": str(operation.requester or _("a schedule")),
        }
    ]
    for signature in signatures:
        said.append(_said(signature))
    return said[::-1]


def _said(signature: Signature) -> dict[str, Any]:
    approved = signature.verdict == Verdict.APPROVE
    act = _("signed %s") if approved else _("rejected %s")
    text = _quote(act % signature.digest.removeprefix("sha256:")[:6], signature.reason)
    if signature.voided_at:
        text = _("%(text)s Void: %(reason)s") % {"text": text, "reason": signature.void_reason}
    tone = "idle" if signature.voided_at else "ok" if approved else "bad"
    return {"tone": tone, "text": text, "at": signature.at, "who": str(signature.signer)}


def _quote(act: str, reason: str) -> str:
    return f"{act}: “{reason}”" if reason else act
