"""API tokens and one-time sign-in links: made once, shown once, kept as hashes, compared in constant time."""

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone

from audit.context import context
from audit.record import record
from policies import factors
from policies.models import ApiToken, ApiTokenUse, SignInLink, User
from policies.results import Denied, FieldError, wrong_fields

SCOPES: tuple[str, ...] = ("read", "operate", "approve", "history", "access")
LONGEST = timedelta(days=365)
LINK_LIFETIME = timedelta(minutes=30)
_WRITE_USE_EVERY = timedelta(minutes=1)


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def create(
    *, by: User, name: str, scopes: list[str], days: int, owner: User | None = None, second_factor: bool = False
) -> tuple[ApiToken, str] | Denied:
    """Make a token for oneself, or for a service account whose manager was found to be `by`.

    Returns the row and the value, which is never to be had again. With `second_factor` the token carries the factor
    that was entered lately, where a rule lets tokens count.
    """
    allowed = factors.to_mint(by, carried_too=second_factor)
    if isinstance(allowed, Denied):
        return allowed
    errors: list[FieldError] = []
    if not name.strip() or len(name) > 80:
        errors.append(FieldError("name", "token.name", "Between 1 and 80 characters.", "Say what uses the token."))
    if not scopes or set(scopes) - set(SCOPES):
        errors.append(
            FieldError("scopes", "token.scopes", f"One or more of {', '.join(SCOPES)}.", "Choose the fewest.")
        )
    if not 1 <= days <= LONGEST.days:
        errors.append(
            FieldError("days", "token.expiry", f"Between 1 and {LONGEST.days} days.", "Tokens always expire.")
        )
    if errors:
        return wrong_fields(errors)
    wanted = ApiToken(user=owner or by, name=name.strip(), scopes=sorted(set(scopes)))
    wanted.expires_at = timezone.now() + timedelta(days=days)
    for field, value in (factors.for_token() if second_factor else {}).items():
        setattr(wanted, field, value)
    with context(by=by):
        return _made(wanted)


def _made(token: ApiToken) -> tuple[ApiToken, str]:
    value = f"berth_{secrets.token_urlsafe(32)}"
    token.prefix, token.hash = value[:12], _hash(value)
    token.save()
    data = {
        "name": token.name,
        "scopes": token.scopes,
        "owner": str(token.user),
        "second_factor": token.factor_at is not None,
    }
    record("token.created", object=f"token:{token.pk}", data=data)
    return token, value


def replace(*, by: User, token: ApiToken, overlap: timedelta) -> tuple[ApiToken, str]:
    """A new value with the same scopes and as long a life; the old one ends after the overlap."""
    now = timezone.now()
    life = token.expires_at - token.created_at
    fresh = ApiToken(user=token.user, name=token.name, scopes=token.scopes, expires_at=now + life, replaces=token)
    with context(by=by):
        ends = min(token.expires_at, now + overlap)
        changes = {"expires_at": ends} if overlap else {"revoked_at": now}
        ApiToken.objects.filter(pk=token.pk).update(**changes)
        made = _made(fresh)
        record("token.rotated", object=f"token:{token.pk}", data={"name": token.name, "ends_at": ends})
    return made


def revoke(*, by: User, token: ApiToken, owner: User | None = None) -> bool:
    """End a token of one's own, or of the service account `owner`, now. False: it had ended before."""
    with context(by=by):
        ended = ApiToken.objects.filter(pk=token.pk, user=owner or by, revoked_at=None).update(
            revoked_at=timezone.now()
        )
        if ended:
            record("token.revoked", object=f"token:{token.pk}", data={"name": token.name})
    return bool(ended)


def find(value: str) -> ApiToken | None:
    """The live token with this value, or None. Looked up by hash, so timing tells nothing of the value."""
    token = ApiToken.objects.select_related("user", "use").filter(hash=_hash(value), revoked_at=None).first()
    if token is None or token.expires_at <= timezone.now() or not token.user.is_active:
        return None
    _note_use(token)
    return token


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    last = getattr(token, "use", None)
    if last is None or now - last.at > _WRITE_USE_EVERY:
        ApiTokenUse.objects.update_or_create(token=token, defaults={"at": now})


def create_link(*, by: str | User, user: User) -> str:
    """A one-time sign-in value for a person, valid for half an hour."""
    value = secrets.token_urlsafe(32)
    with context(by=by):
        SignInLink.objects.create(user=user, hash=_hash(value), expires_at=timezone.now() + LINK_LIFETIME)
    return value


def use_link(value: str) -> User | None:
    """Spend a sign-in link. None: unknown, spent or too old."""
    now = timezone.now()
    link = SignInLink.objects.select_related("user").filter(hash=_hash(value)).first()
    if link is None:
        return None
    with context(by=link.user):
        spent = SignInLink.objects.filter(pk=link.pk, used_at=None, expires_at__gt=now).update(used_at=now)
    return link.user if spent and link.user.is_active and not link.user.is_service else None
