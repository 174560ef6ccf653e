"""Records rulings and refusals. A refusal is one Decision and one event, committed together, then returned."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet

from audit.context import context
from audit.record import record
from policies.engine import BLOCKING, Finding, Ruling
from policies.models import Decision, DecisionInput, Team, User
from policies.results import Denied, FieldError


def record_ruling(ruling: Ruling, *, subject: str, point: str, kind: str, team: Team) -> Decision:
    """Keep a ruling, and the facts it is about for replay. Call inside an audit context."""
    if ruling.document:
        made = DecisionInput(digest=ruling.input_digest, document=ruling.document)
        DecisionInput.objects.bulk_create([made], ignore_conflicts=True)
    return Decision.objects.create(
        subject=subject,
        point=point,
        kind=kind,
        team=team,
        allowed=ruling.allowed,
        findings=[asdict(finding) for finding in ruling.findings],
        passed=list(ruling.passed),
        bundle=ruling.bundle,
        input_digest=ruling.input_digest,
        micros=ruling.micros,
    )


def filtered(rows: QuerySet[Decision], *, rule: str = "", team: str = "", outcome: str = "") -> QuerySet[Decision]:
    """Those with a finding of a rule, of a team, and `refused` or `allowed`; an empty filter leaves all."""
    if team:
        rows = rows.filter(team__slug=team)
    if outcome in ("refused", "allowed"):
        rows = rows.filter(allowed=outcome == "allowed")
    return rows.filter(findings__contains=[{"rule": rule}]) if rule else rows


def ruling_of(denied: Denied) -> Ruling:
    """A refusal by a rule outside the bundle (role, quota, signature), in the form of a ruling."""
    finding = Finding(
        rule=denied.rule,
        severity="block",
        field=denied.field,
        value=None,
        message=denied.reason,
        fix=denied.fix,
        who=denied.who,
    )
    text = json.dumps(asdict(finding), sort_keys=True)
    return Ruling(
        allowed=False,
        findings=(finding,),
        passed=(),
        bundle="built-in",
        input_digest=f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
        micros=0,
    )


def refuse(denied: Denied, *, by: User, subject: str, kind: str, team: Team, ruling: Ruling | None = None) -> Denied:
    """Commit exactly one Decision and one `operation.refused` event, and hand the refusal back."""
    with context(by=by):
        decision = record_ruling(ruling or ruling_of(denied), subject=subject, point="request", kind=kind, team=team)
        record(
            "operation.refused",
            object=subject,
            scope=f"team:{team.pk}",
            data={
                "kind": kind,
                "rule": denied.rule,
                "field": denied.field,
                "reason": denied.reason,
                "decision": decision.pk,
            },
        )
    return denied


def denied_by(ruling: Ruling) -> Denied:
    """The first blocking finding as a refusal; all of them are in `errors` by field."""
    blocks = [finding for finding in ruling.findings if finding.severity in BLOCKING]
    first = blocks[0]
    return Denied(
        rule=first.rule,
        field=first.field,
        reason=first.message,
        fix=first.fix,
        who=first.who,
        status=422,
        errors=tuple(FieldError(f.field, f.rule, f.message, f.fix, f.value, f.who, f.ask, f.owner) for f in blocks),
    )


def as_finding(row: dict[str, Any]) -> Finding:
    """A finding as recorded in a Decision."""
    return Finding(**{**row, "ask": tuple(row.get("ask", ()))})
