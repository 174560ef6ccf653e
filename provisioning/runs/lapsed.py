"""Waivers by the clock: reminds of their end, ends them, and judges again what ran on one that ended.

Nothing that runs is stopped here; a finding is recorded and told, and people go on from there.
"""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies import waivers, waiving
from policies.decisions import record_ruling
from policies.engine import BLOCKING, Ruling
from policies.models import Waiver
from provisioning.actions.change import Ask, draft_for
from provisioning.judging import judge_draft
from provisioning.models import Environment
from provisioning.states import EnvironmentStatus as E

BATCH = 20
BY = "system:waivers"
POINT = "running"
_WHOLE = Environment.objects.select_related("service__team", "team", "owner", "target", "template_version__template")


class NotJudged(Exception):
    """The rules did not answer; what waits is looked at again."""


def sweep(now: datetime | None = None) -> dict[str, int]:
    """Do what is due now. Safe to run twice at once: each row is written once."""
    moment = now or timezone.now()
    with context(by=BY, reason="its time"):
        done = {"reminded": waiving.remind(now=moment), "ended": waiving.end_due(now=moment)}
    found = sum(_review(waiver, moment) for waiver in waivers.unreviewed()[:BATCH])
    return {**done, "found": found}


def living_on(waiver: Waiver) -> QuerySet[Environment]:
    """The environments that a waiver covers."""
    kind, _, key = waiver.scope.partition(":")
    column = {"environment": "pk", "service": "service__slug", "team": "team__slug"}[kind]
    return _WHOLE.filter(**{column: key}).exclude(status=E.DESTROYED).order_by("name", "pk")


def _review(waiver: Waiver, now: datetime) -> int:
    """Judge what the waiver covered; how many environments break its rule now. Without an answer, nothing yet."""
    try:
        broken = list(_broken(waiver, now))
    except NotJudged:
        return 0
    with context(by=BY, reason=f"the waiver of {waiver.rule} for {waiver.label} ended"):
        if not waiving.reviewed(waiver, now=now):
            return 0
        for environment, ruling in broken:
            _tell(environment, ruling, waiver)
    return len(broken)


def _broken(waiver: Waiver, now: datetime) -> Iterator[tuple[Environment, Ruling]]:
    for environment in living_on(waiver):
        ask = Ask(environment=environment, kind="update", origin="waiver")
        ruling = judge_draft(draft_for(None, ask), point=POINT, now=now).ruling
        if not ruling.is_judged:
            raise NotJudged
        if any(f.rule == waiver.rule and f.severity in BLOCKING for f in ruling.findings):
            yield environment, ruling


def _tell(environment: Environment, ruling: Ruling, waiver: Waiver) -> None:
    decision = record_ruling(ruling, subject=environment.ref, point=POINT, kind="update", team=environment.team)
    data = {"name": environment.name, "rule": waiver.rule, "waiver": waiver.pk, "decision": decision.pk}
    record("environment.waiver_ended", object=environment.ref, scope=f"team:{environment.team_id}", data=data)
    emit("environment.waiver_ended", payload=data, object=environment.ref)
