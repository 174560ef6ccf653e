"""Signing in and one's own profile: lock-out, the events, the time zone. Tokens and links are policies.tokens'."""

import zoneinfo
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from audit.record import record
from policies.models import User
from policies.results import Allowed, Denied
from portal.signin import DEMO_DOMAIN

BACKEND = "portal.signin.PasswordBackend"
FAILURES = 10
WINDOW = timedelta(minutes=15)


def sign_in(request: HttpRequest, *, username: str, password: str) -> User | Denied:
    """Check a password and open a session; every attempt at a known account is in the history."""
    person = User.objects.filter(username=username).first()
    if person is not None and locked(person):
        return _locked()
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        _failed(person)
        return Denied(
            "signin.password", "username", "User name and password do not match.", "Check both and try again."
        )
    open_session(request, user, method="password")
    return user


def locked(person: User) -> bool:
    """Ten failures within a quarter of an hour, none forgiven by a later success."""
    since = timezone.now() - WINDOW
    events = AuditEvent.objects.filter(object=person.audit_ref, event="signin.failed", at__gte=since)
    return events.count() >= FAILURES


def _locked() -> Denied:
    return Denied(
        rule="signin.locked",
        field="username",
        reason=f"{FAILURES} sign-ins failed within {int(WINDOW.total_seconds() // 60)} minutes.",
        fix="Wait a quarter of an hour, or ask a platform engineer for a one-time link.",
        status=429,
    )


def _failed(person: User | None) -> None:
    """What was typed as a name is not recorded unless it is one: people type passwords there."""
    with context(by="system:signin"):
        record("signin.failed", object=person.audit_ref if person else "user:unknown")


def open_session(request: HttpRequest, user: User, *, method: str) -> None:
    """Sign the person in; the session key changes."""
    with context(by=user):
        login(request, user, backend=BACKEND)
        record("signin.succeeded", object=user.audit_ref, data={"method": method})


def close_session(request: HttpRequest, user: User) -> None:
    """Sign the person out."""
    with context(by=user):
        record("signin.ended", object=user.audit_ref)
    logout(request)


def demo_people() -> QuerySet[User]:
    """The demo accounts that may sign in with one click: only while DEBUG is on."""
    if not settings.DEBUG:
        return User.objects.none()
    return User.objects.filter(email__endswith=f"@{DEMO_DOMAIN}", is_active=True).order_by("pk")


def set_time_zone(*, by: User, name: str) -> Allowed | Denied:
    """Show times in this zone from now on."""
    if name not in zoneinfo.available_timezones():
        return Denied(
            "profile.time_zone", "time_zone", "There is no such time zone.", "Choose one of the list.", status=422
        )
    with context(by=by):
        User.objects.filter(pk=by.pk).update(time_zone=name)
    return Allowed()
