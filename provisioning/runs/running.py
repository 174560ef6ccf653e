"""Judges again what runs, a few at a time: findings of today's policy on environments that were allowed once.

Nothing is stopped here. A change of the outcome is a decision, an event and a message; what people do is theirs.
"""

import json
from dataclasses import asdict
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, TextField, UUIDField, Value
from django.db.models.functions import Cast, Concat, Substr
from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies import engine
from policies.bundle import Bundle
from policies.decisions import record_ruling
from policies.engine import Ruling
from policies.models import Standing, Waiver
from provisioning.actions.change import Ask, draft_for
from provisioning.judging import judge_draft
from provisioning.models import Environment
from provisioning.states import EnvironmentStatus

BATCH = 20
AGAIN = timedelta(minutes=10)
BY = "system:policies"
PREFIX = "environment:"
# What stands is judged as if it were asked for as it is; a rule tells the difference by the point.
KIND = "update"


def sweep() -> dict[str, int]:
    """Judge what was not judged for a while, or by another bundle. Safe to run twice at once."""
    bundle = engine.in_force()
    if not isinstance(bundle, Bundle):
        return {"judged": 0, "changed": 0, "gone": 0}
    done = {"judged": 0, "changed": 0, "gone": _forget()}
    for environment in due(bundle.digest, timezone.now())[:BATCH]:
        ruling = judge_draft(draft_for(None, Ask(environment=environment, kind=KIND)), point="running").ruling
        if not ruling.is_judged:
            break
        done["judged"] += 1
        done["changed"] += _keep(environment, ruling)
    return done


def due(digest: str, now: datetime) -> QuerySet[Environment]:
    """Ready environments to judge, those never judged first: also where a waiver of the team began or ended."""
    known = Standing.objects.filter(subject=Concat(Value(PREFIX), Cast(OuterRef("pk"), TextField())))
    rows = Environment.objects.filter(status=EnvironmentStatus.READY).annotate(
        judged_at=Subquery(known.values("judged_at")), judged_by=Subquery(known.values("bundle"))
    )
    since, team = OuterRef("judged_at"), Waiver.objects.filter(team=OuterRef("team"))
    waiver = team.filter(Q(decided_at__gt=since) | Q(ended_at__gt=since) | Q(expires_at__gt=since, expires_at__lte=now))
    waits = Q(judged_at=None) | Q(judged_at__lt=now - AGAIN) | ~Q(judged_by=digest) | Exists(waiver)
    related = ("service__team", "team", "owner", "template_version__template", "target")
    return rows.filter(waits).select_related(*related).order_by(F("judged_at").asc(nulls_first=True), "pk")


def _forget() -> int:
    """Of what does not run any more nothing is said."""
    rows = Standing.objects.filter(subject__startswith=PREFIX)
    rows = rows.annotate(environment=Cast(Substr("subject", len(PREFIX) + 1), UUIDField()))
    runs = Environment.objects.filter(pk=OuterRef("environment"), status=EnvironmentStatus.READY)
    return rows.filter(~Exists(runs)).delete()[0]


def _keep(environment: Environment, ruling: Ruling) -> bool:
    """Write down what policy says now; was it news? A first look that finds nothing is none."""
    # As they will be read again, so that they can be compared with what is stored.
    now, findings = timezone.now(), json.loads(json.dumps([asdict(finding) for finding in ruling.findings]))
    with context(by=BY, reason="What runs is judged by the policy in force"):
        before = Standing.objects.select_for_update().filter(subject=environment.ref).first()
        seen = {"allowed": ruling.allowed, "findings": findings, "bundle": ruling.bundle, "judged_at": now}
        news = bool(findings) if before is None else before.findings != findings
        if not news and before is not None:
            Standing.objects.filter(pk=before.pk).update(bundle=ruling.bundle, judged_at=now)
            return False
        decision = _told(environment, ruling) if news else None
        Standing.objects.update_or_create(
            subject=environment.ref,
            defaults={**seen, "team": environment.team, "decision_id": decision, "changed_at": now},
        )
    return news


def _told(environment: Environment, ruling: Ruling) -> int:
    """One decision, one event, one message."""
    decision = record_ruling(ruling, subject=environment.ref, point="running", kind=KIND, team=environment.team)
    data = {
        "name": environment.name,
        "allowed": ruling.allowed,
        "rules": sorted({finding.rule for finding in ruling.findings}),
        "decision": decision.pk,
    }
    record("environment.judged", object=environment.ref, scope=f"team:{environment.team_id}", data=data)
    emit("environment.judged", object=environment.ref, payload=data)
    return int(decision.pk)
