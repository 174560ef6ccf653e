"""Asks a bundle about recorded facts: all of the last days at once (replay), or as they arrive (shadow). No effect."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from audit.context import context
from audit.record import record
from policies.bundles import store
from policies.bundles.live import as_bundle
from policies.engine import BLOCKING, Finding, Ruling, ask, open_engine
from policies.fact_check import gap
from policies.models import BundleState, Decision, DecisionInput, PolicyBundle, Replay, ShadowDecision, User
from policies.permissions import Permission, may
from policies.results import Denied

MOST = 5000
MOST_SHOWN = 200
SHADOW_BATCH = 50
SHADOW_AGE = timedelta(days=1)
KEEP_DAYS = 30
# Points at which the judgement decides; what runs and what a pipeline only asks about is no refusal.
DECIDING = ("request", "plan", "claim", "admission")


@dataclass(frozen=True, slots=True)
class Again:
    """One recorded decision, and what the other bundle says to the same facts; None: it could not be asked."""

    decision: Decision
    ruling: Ruling | None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What it finds in them."""
        return self.ruling.findings if self.ruling else ()

    @property
    def allowed(self) -> bool:
        """Would it be allowed, with what was waived then waived again?"""
        waived = {row["rule"] for row in self.decision.findings if row["severity"] == "waived"}
        if self.ruling is None:
            return self.decision.allowed
        return not any(each.severity in BLOCKING and each.rule not in waived for each in self.findings)

    @property
    def differs(self) -> bool:
        """Another outcome?"""
        return self.decision.allowed != self.allowed


def again(bundle: PolicyBundle, decisions: QuerySet[Decision]) -> Iterator[Again]:
    """Judge recorded facts with the bundle. What cannot be judged says nothing about it, and is never a difference:
    facts that are not kept any more or that an older version wrote without what is required today, or no answer."""
    with closing(open_engine(as_bundle(bundle))) as engine:
        rows = list(decisions)
        found = DecisionInput.objects.in_bulk({row.input_digest for row in rows})
        for row in rows:
            kept = found.get(row.input_digest)
            whole = kept is not None and not gap(json.loads(kept.document))
            ruling = ask(engine, bundle.digest, kept.document.encode()) if kept is not None and whole else None
            yield Again(row, ruling if ruling is not None and ruling.is_judged else None)


def ask_replay(*, by: User, bundle: PolicyBundle, days: int) -> Replay | Denied:
    """Have a worker replay the last `days` of decisions with the bundle. While one waits, it is that one."""
    allowed = may(by, Permission.MANAGE_POLICIES, None)
    if isinstance(allowed, Denied):
        return store.refused(by, allowed, bundle.ref)
    if not 1 <= days <= KEEP_DAYS:
        fix = f"Facts are kept for {KEEP_DAYS} days."
        return Denied("policy.replay_days", "days", f"Between 1 and {KEEP_DAYS} days.", fix, status=422)
    with context(by=by, reason=f"Replay of {days} days"):
        found, _ = Replay.objects.get_or_create(bundle=bundle, done_at=None, defaults={"days": days, "by": by})
    return found


def run_replays() -> int:
    """Answer the replays that wait; returns how many. Twice at once only costs time: the first answer stays."""
    done = 0
    for asked in Replay.objects.filter(done_at=None).select_related("bundle").order_by("asked_at")[:3]:
        found = counted(asked.bundle, asked.days)
        with context(by="system:policies", reason="A replay that was asked for"):
            done += Replay.objects.filter(pk=asked.pk, done_at=None).update(**found, done_at=timezone.now())
            record("bundle.replayed", object=asked.bundle.ref, data={k: v for k, v in found.items() if k != "rows"})
    return done


def counted(bundle: PolicyBundle, days: int) -> dict[str, Any]:
    """`judged`, `unjudged`, `blocked`, `freed`, `rows` of a replay of the newest decisions of the last days."""
    since = timezone.now() - timedelta(days=days)
    wanted = Decision.objects.filter(at__gte=since, point__in=DECIDING, bundle__startswith="sha256:")
    asked = list(again(bundle, wanted.order_by("-at", "-pk")[:MOST]))
    differ = [each for each in asked if each.differs]
    judged = sum(each.ruling is not None for each in asked)
    return {
        "judged": judged,
        "unjudged": len(asked) - judged,
        "blocked": sum(each.decision.allowed for each in differ),
        "freed": sum(each.allowed for each in differ),
        "rows": [_row(each) for each in differ[:MOST_SHOWN]],
    }


def _row(each: Again) -> dict[str, Any]:
    findings = [asdict(finding) for finding in each.findings if finding.severity in BLOCKING]
    return {"decision": each.decision.pk, "allowed": each.allowed, "findings": findings}


def follow_shadow() -> int:
    """Judge with the bundle in shadow what was decided since it was made, a day back at most; returns how many.

    What cannot be judged is noted without findings, as no difference, so that it does not stand before the rest.
    """
    bundle = PolicyBundle.objects.filter(state=BundleState.SHADOW).first()
    if bundle is None:
        return 0
    since = max(bundle.created_at, timezone.now() - SHADOW_AGE)
    new = Decision.objects.filter(
        ~Exists(ShadowDecision.objects.filter(bundle=bundle, decision=OuterRef("pk"))),
        Exists(DecisionInput.objects.filter(digest=OuterRef("input_digest"))),
        at__gte=since,
        point__in=DECIDING,
        bundle__startswith="sha256:",
    )
    judged = list(again(bundle, new.order_by("pk")[:SHADOW_BATCH])) if new.exists() else []
    rows = [
        ShadowDecision(
            bundle=bundle,
            decision=each.decision,
            allowed=each.allowed,
            differs=each.differs,
            findings=[asdict(finding) for finding in each.findings],
            micros=each.ruling.micros if each.ruling else 0,
        )
        for each in judged
    ]
    with transaction.atomic():
        ShadowDecision.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def forget_old() -> int:
    """Remove facts that are older than they are kept."""
    old = DecisionInput.objects.filter(at__lt=timezone.now() - timedelta(days=KEEP_DAYS))
    return old.delete()[0]
