"""What the list of environments is narrowed to and sorted by, read from the address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from policies.models import Team, User
from provisioning.models import Environment
from provisioning.states import EnvironmentStatus as E
from provisioning.tiers import Tier

SORTS = {"name": "name", "tier": "tier", "expires": "expires_at", "changed": "changed_at", "status": "status"}


@dataclass(frozen=True)
class Filter:
    """Every part is optional; what is not known is ignored."""

    q: str = ""
    tier: str = ""
    status: str = ""
    team: str = ""
    service: str = ""
    mine: bool = False
    expiring: bool = False
    sort: str = "name"

    @staticmethod
    def read(sent: Mapping[str, Any]) -> "Filter":
        """From the address."""
        sort = str(sent.get("sort", ""))
        return Filter(
            q=str(sent.get("q", "")).strip()[:100],
            tier=sent.get("tier", "") if sent.get("tier") in Tier.values else "",
            status=sent.get("status", "") if sent.get("status") in E.values else "",
            team=str(sent.get("team", ""))[:40],
            service=str(sent.get("service", ""))[:40],
            mine=sent.get("mine") == "1",
            expiring=sent.get("expiring") == "1",
            sort=sort if sort.lstrip("-") in SORTS else "name",
        )

    def applied(self, rows: QuerySet[Environment], user: User, now: datetime) -> QuerySet[Environment]:
        """The rows it leaves, in its order. Destroyed ones are shown only when asked for."""
        rows = rows.filter(status=self.status) if self.status else rows.exclude(status=E.DESTROYED)
        exact = {"tier": self.tier, "team__slug": self.team, "service__slug": self.service}
        rows = rows.filter(**{name: value for name, value in exact.items() if value})
        if self.q:
            rows = rows.filter(Q(name__icontains=self.q) | Q(service__slug__icontains=self.q))
        if self.mine:
            rows = rows.filter(owner=user)
        if self.expiring:
            rows = rows.filter(expires_at__lte=now + timedelta(hours=settings.BERTH.warn_before_hours))
        return rows.order_by(self._order(), "pk")

    def _order(self) -> Any:
        column = F(SORTS[self.sort.lstrip("-")])
        return column.desc(nulls_last=True) if self.sort.startswith("-") else column.asc(nulls_last=True)

    @property
    def is_narrow(self) -> bool:
        """Does it leave anything out beside what is destroyed?"""
        return any((self.q, self.tier, self.status, self.team, self.service, self.mine, self.expiring))

    def selects(self, teams: list[Team]) -> list[dict[str, Any]]:
        """The lists to choose from, for the filter bar."""
        tiers = [(tier, tier) for tier in Tier.values]
        named = [(team.slug, team.name) for team in teams]
        return [
            {"name": "tier", "label": _("Tier"), "options": tiers, "value": self.tier},
            {"name": "status", "label": _("Status"), "options": E.choices, "value": self.status},
            {"name": "team", "label": _("Team"), "options": named, "value": self.team},
        ]

    def chips(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Switches that keep the rest of the address."""
        return [
            {"label": _("Mine"), "url": _switched(request, "mine", on=not self.mine), "on": self.mine},
            {
                "label": _("Expires soon"),
                "url": _switched(request, "expiring", on=not self.expiring),
                "on": self.expiring,
            },
        ]

    @property
    def hidden(self) -> dict[str, str]:
        """What the form must carry along because it has no field for it."""
        kept = {"mine": "1" if self.mine else "", "expiring": "1" if self.expiring else "", "service": self.service}
        kept["sort"] = "" if self.sort == "name" else self.sort
        return {name: value for name, value in kept.items() if value}


def _switched(request: HttpRequest, name: str, *, on: bool) -> str:
    sent = request.GET.copy()
    sent.pop(name, None)
    sent.pop("page", None)
    if on:
        sent[name] = "1"
    return f"?{sent.urlencode()}"
