"""Setting quotas and budgets. A limit that is lowered is saved only by who has seen what it does."""

import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import IntegrityError
from django.utils import timezone

from audit.context import context
from audit.record import record
from policies.models import Organisation, Quota, Service, Team, User
from policies.models.limits import COST, CURRENCY_PATTERN, METRIC_PATTERN, Scoped
from policies.permissions import Permission, may
from policies.quotas import figure, held_in
from policies.results import Denied, FieldError, wrong_fields
from provisioning import reclaim
from provisioning.actions.storable import storable, unstorable
from provisioning.tiers import Tier

MOST = Decimal(10) ** 12


@dataclass(frozen=True)
class Scope:
    """One organisation, team or service, and perhaps one tier of it."""

    organisation: Organisation | None = None
    team: Team | None = None
    service: Service | None = None
    tier: str = ""

    @property
    def fields(self) -> dict[str, Any]:
        """As the columns of what is scoped."""
        return {"organisation": self.organisation, "team": self.team, "service": self.service, "tier": self.tier}

    @property
    def whole(self) -> Organisation | Team | Service | None:
        return self.team or self.service or self.organisation


@dataclass(frozen=True)
class WantedQuota:
    """A limit as it shall be. `shown` names the impact that the person has seen, where the limit is lowered."""

    scope: Scope
    metric: str
    limit: Decimal
    currency: str = ""
    shown: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Impact:
    """What a limit does to what is there: nothing is stopped, only new requests are refused."""

    scope: str
    metric: str
    currency: str
    before: Decimal | None
    limit: Decimal
    used: Decimal
    over: Decimal
    reclaim: tuple[dict[str, Any], ...]

    @property
    def shown(self) -> str:
        """Names exactly this impact: another use or limit is another impact."""
        text = f"{self.scope}|{self.metric}|{self.before}|{self.limit}|{self.over}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def lowers(self) -> bool:
        """Must it be seen before it is saved?"""
        return self.over > 0 or (self.before is not None and self.limit < self.before)

    @property
    def sentence(self) -> str:
        """In words."""
        used, limit = figure(self.metric, self.used), reclaim.words(self.metric, self.limit, self.currency)
        if self.over <= 0:
            return f"{self.scope} uses {used} of the new limit {limit}."
        over = reclaim.words(self.metric, self.over, self.currency)
        return (
            f"{self.scope} uses {used} of the new limit {limit}: nothing is stopped, "
            f"new requests are refused until {over} are given back."
        )


def impact_of(*, by: User, wanted: WantedQuota) -> Impact | Denied:
    """What the limit would do. Writes nothing."""
    denied = _denied(by, wanted)
    if denied is not None:
        return denied
    now = Quota.objects.filter(**wanted.scope.fields, metric=wanted.metric).first()
    return _impact(by, wanted, now)


def set_quota(*, by: User, wanted: WantedQuota) -> Quota | Denied:
    """Set the limit of one metric of one scope, new or changed."""
    denied = _denied(by, wanted)
    if denied is not None:
        return denied
    try:
        with context(by=by, reason=wanted.reason or f"quota of {wanted.scope.whole}"):
            return _set(by, wanted)
    except IntegrityError as error:
        if "quota_once" not in str(error):
            raise
    return _seen_first(wanted.scope)


def _set(by: User, wanted: WantedQuota) -> Quota | Denied:
    rows = Quota.objects.select_for_update(of=("self",)).filter(**wanted.scope.fields, metric=wanted.metric)
    row = rows.first()
    impact = _impact(by, wanted, row)
    if impact.lowers and wanted.shown != impact.shown:
        return _seen_first(wanted.scope, impact)
    before = None if row is None else figure(row.metric, row.limit)
    row = row or Quota(**wanted.scope.fields, metric=wanted.metric)
    row.limit, row.currency = wanted.limit, wanted.currency
    row.save()
    data = {"scope": row.scope, "metric": row.metric, "before": before, "limit": figure(row.metric, row.limit)}
    record("quota.set", object=f"quota:{row.pk}", scope=_history_scope(row), data=data)
    return row


def remove_quota(*, by: User, quota: Quota, reason: str) -> Quota | Denied:
    """Limit it no more."""
    denied = may_manage(by)
    if denied is None:
        denied = reason_given(reason)
    if denied is not None:
        return denied
    with context(by=by, reason=reason):
        data = {"scope": quota.scope, "metric": quota.metric, "limit": figure(quota.metric, quota.limit)}
        record("quota.removed", object=f"quota:{quota.pk}", scope=_history_scope(quota), data=data)
        Quota.objects.filter(pk=quota.pk).delete()
    return quota


def _impact(by: User, wanted: WantedQuota, now: Quota | None) -> Impact:
    probe = Quota(**wanted.scope.fields, metric=wanted.metric, limit=wanted.limit, currency=wanted.currency)
    used = held_in(probe, wanted.metric, wanted.currency)
    over = max(Decimal(0), used - wanted.limit)
    free = tuple(reclaim.reclaimable(by, probe, timezone.now())) if over else ()
    before = None if now is None else now.limit
    return Impact(probe.scope, wanted.metric, wanted.currency, before, wanted.limit, used, over, free)


def _denied(by: User, wanted: WantedQuota) -> Denied | None:
    if not storable([wanted.metric, wanted.currency, wanted.reason, wanted.scope.tier]):
        return unstorable("metric")
    denied = may_manage(by)
    if denied is not None:
        return denied
    errors = [*scope_errors(wanted.scope), *_quota_errors(wanted)]
    return wrong_fields(errors, "You") if errors else None


def scope_errors(scope: Scope) -> list[FieldError]:
    """What is wrong with a scope."""
    chosen = [thing for thing in (scope.organisation, scope.team, scope.service) if thing is not None]
    found = []
    if len(chosen) != 1:
        found.append(FieldError("scope", "limit.scope", "Name one organisation, one team or one service."))
    if scope.tier and scope.tier not in Tier.values:
        found.append(FieldError("tier", "env.tier", f"One of {', '.join(Tier.values)}."))
    if scope.tier and scope.service is not None:
        found.append(FieldError("tier", "limit.scope", "A service is limited in all its tiers.", "Leave it out."))
    return found


def _quota_errors(wanted: WantedQuota) -> list[FieldError]:
    found = []
    if not re.fullmatch(METRIC_PATTERN, wanted.metric):
        found.append(FieldError("metric", "quota.metric", "Small letters, digits and _, at most 40."))
    if not 0 <= wanted.limit < MOST or wanted.limit != round(wanted.limit, 2):
        found.append(FieldError("limit", "quota.limit", "From 0, with at most two decimals."))
    elif wanted.metric != COST and wanted.limit != int(wanted.limit):
        found.append(FieldError("limit", "quota.limit", f"A whole number of {reclaim.named(wanted.metric)}."))
    found += currency_errors(wanted.currency) if wanted.metric == COST else []
    if wanted.metric != COST and wanted.currency:
        found.append(FieldError("currency", "quota.currency", "Only the cost of a month has one.", "Leave it out."))
    return found


def currency_errors(currency: str) -> list[FieldError]:
    """What is wrong with a currency."""
    if re.fullmatch(CURRENCY_PATTERN, currency):
        return []
    return [FieldError("currency", "limit.currency", "Three capital letters.", "For example EUR.")]


def may_manage(by: User) -> Denied | None:
    """The permission; that it was missing is recorded."""
    allowed = may(by, Permission.MANAGE_QUOTAS, None)
    if not isinstance(allowed, Denied):
        return None
    with context(by=by):
        record("quota.refused", object="quota:", data={"rule": allowed.rule, "reason": allowed.reason})
    return allowed


def reason_given(reason: str) -> Denied | None:
    """A reason that can be kept, or its refusal."""
    if not storable(reason):
        return unstorable("reason")
    if reason.strip():
        return None
    return Denied("reason.given", "reason", "It needs a reason: it is recorded.", "Say why.", "You", 422)


def _seen_first(scope: Scope, impact: Impact | None = None) -> Denied:
    reason = impact.sentence if impact else f"The quota of {scope.whole} was changed by somebody else meanwhile."
    about = {"impact": {"sentence": impact.sentence, "shown": impact.shown}} if impact else {}
    fix = "Look at what it does, then save it."
    return Denied("quota.impact_seen", "shown", reason, fix, "You", 409, about=about)


def _history_scope(row: Scoped) -> str:
    return f"team:{row.team_id}" if row.team_id else ""
