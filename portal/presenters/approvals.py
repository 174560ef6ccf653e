"""What the inbox and the approval page show: rows with what makes them urgent, signers, and why one may not sign."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from policies.models import BrokenGlass, Signature, User, Verdict
from policies.results import Allowed, Denied
from portal.presenters import operations, plans
from portal.presenters.waiting import Waits
from portal.templatetags.berth_words import amount, roughly, short_clock, short_hash
from provisioning.inbox import likeness
from provisioning.models import Operation
from provisioning.risk import cost_of
from provisioning.states import OperationStatus as S


@dataclass(frozen=True)
class About:
    """What the rows of a list need beside their operations, each read once for all."""

    signed: Mapping[str, int]
    waits: Mapping[UUID, Waits]
    comments: Mapping[str, int]
    viewer: User


def inbox_rows(found: Sequence[Operation], about: About, *, chosen: Operation | None) -> list[dict[str, Any]]:
    """Rows of the inbox table; `alike` counts the plans of this page that make the same change."""
    likes = {row.pk: likeness(row) for row in found if row.status == S.AWAITING_APPROVAL}
    number = Counter(likes.values())
    return [
        {
            "operation": row,
            "title": operations.title(row),
            "url": reverse("approval", args=[row.pk]),
            "counts": plans.counts(row.plan),
            "signed": about.signed.get(row.ref, 0),
            "waits": about.waits[row.pk].seen_by(about.viewer) if row.pk in about.waits else None,
            "comments": about.comments.get(row.ref, 0),
            "causes": causes(row),
            "alike": number[likes[row.pk]] if row.pk in likes else 0,
            "current": chosen is not None and chosen.pk == row.pk,
        }
        for row in found
    ]


def causes(operation: Operation) -> list[dict[str, str]]:
    """What makes a plan urgent to read, beside its tier, the strongest first."""
    found: list[dict[str, str]] = []
    gone = plans.counts(operation.plan).destroy
    if gone:
        words = ngettext("destroys %(n)s resource", "destroys %(n)s resources", gone) % {"n": gone}
        found.append({"tone": "bad", "text": words})
    warned = len(operation.context.get("warnings", []))
    if warned:
        words = ngettext("%(n)s finding", "%(n)s findings", warned) % {"n": warned}
        found.append({"tone": "warn", "text": words})
    cost = cost_of(operation.risk)
    if cost:
        text = _("+%s a month") % amount(cost, places=0, currency=operation.environment.currency)
        found.append({"tone": "idle", "text": text})
    return found


def reviews(found: Iterable[BrokenGlass]) -> list[dict[str, Any]]:
    """Rows of components/needs_row.html: emergencies that must be reviewed."""
    return [_review(glass) for glass in found]


def _review(glass: BrokenGlass) -> dict[str, Any]:
    url = reverse("approval", args=[glass.subject.partition(":")[2]]) + "#review"
    words = {"who": glass.breaker, "plan": short_hash(glass.digest), "team": glass.team}
    return {
        "icon": "alert-triangle",
        "tone": "bad",
        "title": _("%(who)s went ahead without signatures, plan %(plan)s of %(team)s") % words,
        "url": url,
        "text": f"“{glass.reason}”, {short_clock(glass.at, now=timezone.now())}",
        "actions": [{"label": _("Review it"), "url": url}],
    }


def brief(operation: Operation) -> dict[str, Any]:
    """One plan in short, for the panel beside the list."""
    return {
        "title": operations.title(operation),
        "url": reverse("approval", args=[operation.pk]),
        "pill": operations.pill_of(operation),
        "changes": [{"word": c["word"], "address": c["address"]} for c in plans.changes(operation.plan)[:6]],
        "more": max(0, plans.counts(operation.plan).total - 6),
        "causes": causes(operation),
    }


def signers(
    signatures: Sequence[Signature], waits: Iterable[Waits], viewer: User, now: datetime
) -> list[dict[str, Any]]:
    """Who signed this digest, then whom each open step still waits for, and since when."""
    return [_signed(signature, now) for signature in signatures] + [_open(step, viewer, now) for step in waits]


def _signed(signature: Signature, now: datetime) -> dict[str, Any]:
    role = _("for %s") % signature.team.name if signature.owning else _("from another team")
    if signature.on_behalf_of:
        role = _("for %s") % signature.on_behalf_of
    state = "signed" if signature.verdict == Verdict.APPROVE else "rejected"
    return {"name": str(signature.signer), "role": f"{role}, {short_clock(signature.at, now=now)}", "state": state}


def _open(waits: Waits, viewer: User, now: datetime) -> dict[str, Any]:
    who = waits.seen_by(viewer).who
    more = ngettext("%(n)s signature missing", "%(n)s signatures missing", waits.missing) % {"n": waits.missing}
    role = _("to answer") if waits.answer else ", ".join(part for part in (waits.step, more) if part)
    when = roughly((now - waits.since).total_seconds())
    return {"name": who[:1].upper() + who[1:], "role": role, "state": "open", "when": when}


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
    words = ", ".join(cause["text"] for cause in causes(operation))
    facts += [
        {"label": _("Plan"), "value": str(plans.counts(operation.plan))},
        {"label": _("Risk"), "value": words or _("nothing unusual")},
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
