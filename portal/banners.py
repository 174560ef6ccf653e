"""The banners above every page: switches that are on, and stopped lines of those whom they concern."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from policies import stops
from policies.models import Stop, Switch, User
from portal.templatetags.berth_words import short_clock


@dataclass(frozen=True)
class Banner:
    """One sentence for components/note.html."""

    tone: str
    text: str


def of(user: User) -> list[Banner]:
    """Switches concern everybody, and come first."""
    return [*(_switch(row) for row in stops.on()), *(_stop(row) for row in stops.open_to(user))]


def _switch(row: Switch) -> Banner:
    words: dict[str, Any] = {"what": row.get_name_display(), "who": row.by, "why": row.reason}
    words["until"] = short_clock(row.ends_at, now=timezone.now())
    return Banner("warn", _("%(what)s until %(until)s by %(who)s: %(why)s") % words)


def _stop(row: Stop) -> Banner:
    line = _("The line of %(service)s") % {"service": row.service.slug} if row.service else _("Every line")
    words = {"line": line, "who": row.stopped_by, "why": row.reason.rstrip(".")}
    return Banner("bad", _("%(line)s is stopped by %(who)s: %(why)s. A second person lifts it.") % words)
