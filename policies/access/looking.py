"""Support looks as somebody else: read-only, short, with a reason, recorded from begin to end. The portal shows it."""

from django.db.models import Q
from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies.access.refusals import invalid, refuse
from policies.models import Impersonation, User
from policies.models.access import LONGEST_LOOK
from policies.permissions import Permission, may
from policies.results import Denied


def begin(*, by: User, subject: User, reason: str) -> Impersonation | Denied:
    """Look as this person for at most half an hour."""
    denied = _wrong(by, subject, reason)
    if denied is not None:
        return refuse(denied, by=by, object=subject.audit_ref)
    now = timezone.now()
    with context(by=by, reason=reason):
        Impersonation.objects.filter(actor=by, ended_at=None).update(ended_at=now)
        made = Impersonation.objects.create(
            actor=by, subject=subject, reason=reason.strip(), started_at=now, ends_at=now + LONGEST_LOOK
        )
        data = {"as": str(subject), "reason": reason, "ends_at": made.ends_at}
        record("impersonation.began", object=subject.audit_ref, data=data)
        emit("access.impersonated", object=subject.audit_ref, payload={"by": str(by), "reason": reason})
    return made


def _wrong(by: User, subject: User, reason: str) -> Denied | None:
    allowed = may(by, Permission.IMPERSONATE, None)
    if isinstance(allowed, Denied):
        return allowed
    if subject.pk == by.pk or subject.is_service or not subject.is_active:
        return invalid("impersonation.person", "person", f"You cannot look as {subject}.", "Choose another person.")
    if subject.is_platform:
        return Denied("impersonation.peer", "person", f"{subject} is a platform engineer too.", "Ask them.")
    if not reason.strip() or len(reason) > 300:
        text = "It needs a reason of at most 300 characters."
        return invalid("impersonation.reason", "reason", text, "Name the request for help.")
    return None


def present(actor: User, pk: int) -> Impersonation | None:
    """The look that is open now, judged anew: it ends with its time, the actor's right, or the person's account."""
    found = Impersonation.objects.select_related("subject").filter(
        Q(subject__is_active=True), pk=pk, actor=actor, ended_at=None, ends_at__gt=timezone.now()
    )
    look = found.first()
    return look if look is not None and may(actor, Permission.IMPERSONATE, None) else None


def end(*, by: User, pk: int) -> None:
    """End a look; ending it twice is the same."""
    with context(by=by):
        rows = Impersonation.objects.filter(pk=pk, actor=by, ended_at=None)
        look = rows.select_related("subject").first()
        if look is not None and rows.update(ended_at=timezone.now()):
            record("impersonation.ended", object=look.subject.audit_ref, data={"as": str(look.subject)})
