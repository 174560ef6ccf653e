"""The banners above every page: switches that are on, and stopped lines of those whom they concern."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from policies import stops
from policies.models import Stop, Switch, Team
from portal.templatetags.berth_words import short_clock


@dataclass(frozen=True)
class Banner:
    """One sentence for components/note.html."""

    tone: str
    text: str


def of(teams: Iterable[Team]) -> list[Banner]:
    """Switches concern everybody, a stopped line the teams that see its service."""
    seen = {team.pk for team in teams}
    open_stops = [row for row in stops.open_stops() if row.service is None or row.service.team_id in seen]
    return [*(_switch(row) for row in stops.on()), *(_stop(row) for row in open_stops)]


def _switch(row: Switch) -> Banner:
    words: dict[str, Any] = {"what": row.get_name_display(), "who": row.by, "why": row.reason}
    words["until"] = short_clock(row.ends_at, now=timezone.now())
    return Banner("warn", _("%(what)s until %(until)s by %(who)s: %(why)s") % words)


def _stop(row: Stop) -> Banner:
    line = _("The line of %(service)s") % {"service": row.service.slug} if row.service else _("Every line")
    words = {"line": line, "who": row.stopped_by, "why": row.reason.rstrip(".")}
    return Banner("bad", _("%(line)s is stopped by %(who)s: %(why)s. A second person lifts it.") % words)
