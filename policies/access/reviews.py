"""The access review: each quarter owners confirm or revoke every role and grant of a team; open ones stay visible."""

import csv
import io
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from audit.cells import as_text
from audit.context import context
from audit.record import emit, record
from policies.access.giving import last_owner, oneself
from policies.access.refusals import refuse
from policies.models import AccessGrant, AccessReview, Effect, Membership, ReviewItem, Team, User
from policies.permissions import Permission, live, may, teams_with
from policies.results import Allowed, Denied

ANSWER_WITHIN = timedelta(days=21)
REMIND_EVERY = timedelta(days=7)
BY = "system:access-review"
COLUMNS = ("period", "team", "person", "right", "decision", "decided_by", "decided_at", "note")


def period_of(now: datetime) -> str:
    """The quarter, as 2026-Q4."""
    return f"{now.year}-Q{(now.month + 2) // 3}"


def open_due(now: datetime) -> int:
    """Open this quarter's review of every team that has none yet. Returns how many were opened."""
    period = period_of(now)
    teams = list(Team.objects.exclude(reviews__period=period))
    for team in teams:
        with context(by=BY):
            _open(team, period, now)
    return len(teams)


def _open(team: Team, period: str, now: datetime) -> None:
    review, made = AccessReview.objects.get_or_create(
        team=team, period=period, defaults={"due_at": now + ANSWER_WITHIN, "reminded_at": now}
    )
    if not made:
        return
    items = [_item(review, row.user, f"membership:{row.pk}", f"role {row.held}") for row in _roles(team)]
    items += [_item(review, row.user, f"accessgrant:{row.pk}", _said(row)) for row in _grants(team)]
    ReviewItem.objects.bulk_create(items)
    payload = {"team": team.slug, "period": period, "items": len(items), "due_at": review.due_at}
    record("access.review_opened", object=f"accessreview:{review.pk}", scope=f"team:{team.pk}", data=payload)
    emit("access.review_opened", object=f"accessreview:{review.pk}", payload=payload)
    _complete(review)


def _roles(team: Team) -> QuerySet[Membership]:
    return Membership.objects.filter(team=team).select_related("user", "custom")


def _grants(team: Team) -> QuerySet[AccessGrant]:
    rows = AccessGrant.objects.filter(Q(team=team) | Q(service__team=team), effect=Effect.ALLOW)
    return live(rows).select_related("user", "custom", "team", "service", "organisation")


def _item(review: AccessReview, user: User, subject: str, what: str) -> ReviewItem:
    return ReviewItem(review=review, team=review.team, user=user, subject=subject, what=what[:200])


def _said(grant: AccessGrant) -> str:
    ends = f" until {grant.ends_at:%Y-%m-%d}" if grant.ends_at else ""
    return f"grant {grant.matter} on {grant.where}{ends}"


def remind_due(now: datetime) -> int:
    """Remind the owners of each open review, once a week. Returns how many."""
    rows = AccessReview.objects.filter(completed_at=None, reminded_at__lte=now - REMIND_EVERY).select_related("team")
    due = list(rows.annotate(open=Count("items", filter=Q(items__decision=""))))
    for review in due:
        with context(by=BY):
            AccessReview.objects.filter(pk=review.pk).update(reminded_at=now)
            payload = {"team": review.team.slug, "period": review.period, "open": review.open}
            emit("access.review_reminder", object=f"accessreview:{review.pk}", payload=payload)
    return len(due)


def visible_to(user: User) -> QuerySet[AccessReview]:
    """Reviews of the teams whose members the person may see, those still open first."""
    rows = AccessReview.objects.filter(team__in=teams_with(user, Permission.VIEW)).select_related("team")
    counts = {"total": Count("items"), "open": Count("items", filter=Q(items__decision=""))}
    return rows.annotate(**counts).order_by("-completed_at", "due_at", "pk")


def undecided_by(user: User) -> QuerySet[ReviewItem]:
    """What is left for somebody other than its holder to answer, this person among them."""
    return ReviewItem.objects.filter(decision="").exclude(user=user)


def reviews(user: User, team: Team) -> Allowed | Denied:
    """May the person answer for this team?"""
    return may(user, Permission.MANAGE_ACCESS, team) or may(user, Permission.REVIEW_ACCESS, team)


def decide(*, by: User, item: ReviewItem, keep: bool, note: str = "") -> ReviewItem | Denied:
    """Confirm or revoke one right; never one's own. A revoked one is gone at once. The first answer stands."""
    allowed = reviews(by, item.team)
    denied = allowed if isinstance(allowed, Denied) else None
    if denied is None and item.user_id == by.pk:
        denied = oneself("review.not_oneself", "You cannot review your own rights.")
    if denied is None and item.decision:
        denied = Denied("review.once", "decision", f"It is {item.decision} already.", "See the review.", status=409)
    if denied is not None:
        return refuse(denied, by=by, object=item.subject, where=item.team)
    now = timezone.now()
    with context(by=by, reason=note):
        denied = None if keep else _last_owner(item)
        changes = {"decision": "confirmed" if keep else "revoked", "decided_by": by, "decided_at": now}
        rows = ReviewItem.objects.filter(pk=item.pk, decision="")
        if denied is None and rows.update(**changes, note=note[:300]):
            if not keep:
                _end(item, by, now)
            _complete(item.review)
    item.refresh_from_db()
    return item if denied is None else refuse(denied, by=by, object=item.subject, where=item.team)


def _last_owner(item: ReviewItem) -> Denied | None:
    """Why the role under review cannot be taken: a team keeps its last owner, whoever decides."""
    Team.objects.select_for_update().get(pk=item.team_id)
    kind, pk = item.subject.split(":")
    role = Membership.objects.filter(pk=pk).select_related("user", "team").first() if kind == "membership" else None
    return last_owner(role) if role is not None else None


def _end(item: ReviewItem, by: User, now: datetime) -> None:
    kind, pk = item.subject.split(":")
    if kind == "membership":
        Membership.objects.filter(pk=pk).delete()
    else:
        AccessGrant.objects.filter(pk=pk, revoked_at=None).update(revoked_at=now, revoked_by=by)
    data = {"of": str(item.user), "what": item.what}
    record("access.review_revoked", object=item.subject, scope=f"team:{item.team_id}", data=data)


def _complete(review: AccessReview) -> None:
    if not ReviewItem.objects.filter(review=review, decision="").exists():
        AccessReview.objects.filter(pk=review.pk, completed_at=None).update(completed_at=timezone.now())


def as_csv(review: AccessReview) -> str:
    """The review as a file that no spreadsheet takes for formulas."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for item in review.items.select_related("user", "decided_by"):
        decided = item.decided_at.isoformat() if item.decided_at else ""
        row = [review.period, review.team.slug, item.user.username, item.what, item.decision or "open"]
        writer.writerow([as_text(cell) for cell in (*row, str(item.decided_by or ""), decided, item.note)])
    return out.getvalue()
