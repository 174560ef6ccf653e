"""The ledger of what should be gone: list, retry of a removal, and what was removed by hand."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from policies.models import Team, User
from policies.permissions import Permission, owners_of, teams_with
from policies.results import Denied
from portal import loaders
from portal.shell import shell_of
from portal.views.pages import page, problem_of, viewer
from provisioning.actions import orphans as act
from provisioning.models import Orphan
from provisioning.selectors import orphans_visible_to

PAGE = 25
AGES = {"1": _("older than an hour"), "24": _("older than a day"), "168": _("older than a week")}


@dataclass(frozen=True)
class Row:
    """One thing with what this viewer may do about it."""

    orphan: Orphan
    may: bool
    removable: bool
    who: str


@require_safe
def orphans(request: HttpRequest) -> HttpResponse:
    """What should be gone and is not, of every team the viewer may see."""
    return _render(request)


@require_POST
def orphan_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Have a worker try again at once."""
    found = loaders.orphan(viewer(request), pk)
    return _answered(request, act.retry_removal(by=viewer(request), orphan=found), _("A worker tries it again."))


@require_POST
def orphan_removed(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody removed it by hand and says how."""
    found = loaders.orphan(viewer(request), pk)
    reason = request.POST.get("reason", "").strip()
    answer = act.mark_removed(by=viewer(request), orphan=found, reason=reason)
    return _answered(request, answer, _("Marked as removed."))


def _answered(request: HttpRequest, answer: Orphan | Denied, said: str) -> HttpResponse:
    if isinstance(answer, Denied):
        return _render(request, status=answer.status, problem=problem_of(answer))
    messages.success(request, f"{answer.address}: {said}")
    return redirect("orphans")


def _render(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    user, sent = viewer(request), request.GET
    gone = sent.get("state") == "removed"
    rows = _narrowed(orphans_visible_to(user).filter(removed_at__isnull=not gone), sent, timezone.now())
    at = Paginator(rows.select_related("team", "environment", "operation"), PAGE).get_page(sent.get("page"))
    context = {
        "page": at,
        "rows": _rows(user, list(at.object_list)),
        "gone": gone,
        "narrow": any(sent.get(name) for name in ("q", "team", "driver", "age")),
        "q": sent.get("q", "")[:100],
        "hidden": {"state": "removed"} if gone else {},
        "selects": _selects(user, shell_of(request).teams, sent),
        "chips": [{"label": _("Removed"), "url": "?" if gone else "?state=removed", "on": gone}],
        "crumbs": [(_("Environments"), "/environments/"), (_("Orphans"), None)],
    }
    return page(request, "orphans/list.html", context | more, part="orphans/table.html", status=status)


def _narrowed(rows: QuerySet[Orphan], sent: Any, now: datetime) -> QuerySet[Orphan]:
    exact = {"team__slug": sent.get("team", "")[:40], "driver": sent.get("driver", "")[:20]}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if sent.get("age") in AGES:
        rows = rows.filter(found_at__lte=now - timedelta(hours=int(sent["age"])))
    if sent.get("q"):
        rows = rows.filter(environment__name__icontains=sent["q"].strip()[:100].replace("\x00", ""))
    return rows


def _selects(user: User, teams: list[Team], sent: Any) -> list[dict[str, Any]]:
    drivers = orphans_visible_to(user).order_by("driver").values_list("driver", flat=True).distinct()
    named = [(team.slug, team.name) for team in teams]
    return [
        {"name": "team", "label": _("Team"), "options": named, "value": sent.get("team", "")},
        {"name": "driver", "label": _("Driver"), "options": [(d, d) for d in drivers], "value": sent.get("driver", "")},
        {"name": "age", "label": _("Age"), "options": list(AGES.items()), "value": sent.get("age", "")},
    ]


def _rows(user: User, found: list[Orphan]) -> list[Row]:
    """Rights for the whole page at once; whom to ask only where the viewer may not."""
    rights = (Permission.OPERATE, Permission.RECOVER)
    may = {pk for right in rights for pk in teams_with(user, right).values_list("pk", flat=True)}
    others = {orphan.team_id: orphan.team for orphan in found if orphan.team_id not in may}
    who = {pk: owners_of(team) for pk, team in others.items()}
    return [Row(row, row.team_id in may, act.is_removable(row), who.get(row.team_id, "")) for row in found]
