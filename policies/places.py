"""Where something stands, and which scopes hold for it: its organisation, team, service, tier, and team in a tier."""

from dataclasses import dataclass

from django.db.models import Q

from policies.models import Service, Team
from policies.models.limits import Scoped


@dataclass(frozen=True)
class Place:
    """One team, one of its services and one tier. Without a service: of the team alone."""

    team: Team
    service: Service | None = None
    tier: str = ""

    @property
    def covering(self) -> Q:
        """The rows (quotas, budgets) whose scope holds here."""
        tier = Q(tier="") | Q(tier=self.tier)
        whole = Q(organisation=self.team.organisation_id) | Q(team=self.team.pk)
        if self.service is not None:
            whole |= Q(service=self.service.pk)
        return whole & tier


def inside(scoped: Scoped) -> Q:
    """What belongs to the scope, in any table with `team`, `service` and `tier`."""
    if scoped.team_id:
        whole = Q(team=scoped.team_id)
    elif scoped.service_id:
        whole = Q(service=scoped.service_id)
    else:
        whole = Q(team__organisation=scoped.organisation_id)
    return whole & Q(tier=scoped.tier) if scoped.tier else whole
