"""Adding a factor and making recovery codes. The first factor brings its recovery codes with it."""

from dataclasses import dataclass, field

from allauth.mfa.models import Authenticator
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from audit.context import context
from audit.record import record
from policies import factors
from policies.factors import Proof
from policies.models import User
from policies.results import Denied
from portal.second_factor import codes, keys, tries
from portal.second_factor.entering import SEALED
from provisioning.actions.storable import storable, unstorable
from provisioning.drivers.base import DriverError


@dataclass(frozen=True)
class Enrolled:
    """A factor is there. `codes` are shown once; empty when the person had some."""

    proof: Proof
    codes: list[str] = field(repr=False)


@sensitive_variables("code")
def add_app(*, by: User, seed: str, code: str) -> Enrolled | Denied:
    """Keep an authenticator app; `seed` is encrypted, `code` shows that the app has it."""
    denied = keys.may_register(by)
    if denied is not None:
        return denied
    if Authenticator.objects.filter(user=by, type=Authenticator.Type.TOTP).exists():
        fix = "Remove it first, if you have a new one."
        return Denied("factor.app_once", "factor_code", "You have an authenticator app already.", fix, status=409)
    try:
        step = codes.step_of(codes.seed_text(by, seed), codes.plain(code))
        recovery = _recovery_if_none(by)
    except DriverError:
        return SEALED
    if step is None:
        fix = "Enter the code that the app shows now. Is the clock of the phone right?"
        return Denied("factor.code", "factor_code", "This code does not fit the picture.", fix, "You", status=422)
    row = Authenticator(user=by, type=Authenticator.Type.TOTP, data={"secret": seed})
    return _kept(by, row, recovery, step=step)


def add_key(*, by: User, name: str, answer: str) -> Enrolled | Denied:
    """Keep a security key under a name."""
    credential = keys.checked_registration(answer)
    denied = keys.may_register(by)
    if denied is None:
        denied = _wrong_key(by, name.strip(), credential)
    if denied is not None:
        return denied
    try:
        recovery = _recovery_if_none(by)
    except DriverError:
        return SEALED
    data = {"name": name.strip(), "credential": credential}
    row = Authenticator(user=by, type=Authenticator.Type.WEBAUTHN, data=data)
    row.data["counter"] = row.wrap().authenticator_data.counter
    return _kept(by, row, recovery)


def _wrong_key(by: User, name: str, credential: object) -> Denied | None:
    if not storable(name):
        return unstorable("name")
    if not 1 <= len(name) <= 40:
        return Denied("factor.name", "name", "Between 1 and 40 characters.", "Say which key it is.", status=422)
    if credential is None:
        fix = "Try again; the page must be open under the portal's own address."
        return Denied("factor.key", "factor_credential", "The security key's answer is not valid.", fix, status=422)
    held = Authenticator.objects.filter(user=by, type=Authenticator.Type.WEBAUTHN).count()
    if held >= keys.MOST_KEYS:
        reason = f"You have {keys.MOST_KEYS} keys already."
        return Denied("factor.keys", "name", reason, "Remove one that you no longer use.", status=409)
    return None


def _recovery_if_none(by: User) -> tuple[Authenticator, list[str]] | None:
    held = Authenticator.objects.filter(user=by, type=Authenticator.Type.RECOVERY_CODES).exists()
    return None if held else codes.new_recovery(by)


def _kept(
    by: User, row: Authenticator, recovery: tuple[Authenticator, list[str]] | None, *, step: int = 0
) -> Enrolled | Denied:
    with context(by=by):
        tried = tries.locked_row(by)
        denied = keys.may_register(by)
        if denied is not None:
            return denied
        row.last_used_at = timezone.now()
        row.save()
        tried.totp_step = max(tried.totp_step, step)
        tried.save()
        if recovery is not None:
            recovery[0].save()
        User.objects.filter(pk=by.pk).exclude(factors_reset_at=None).update(factors_reset_at=None)
        record("factor.enrolled", object=by.audit_ref, data={"method": row.type, "factor": row.pk})
    return Enrolled(Proof(by.pk, row.type, row.last_used_at, row.pk), recovery[1] if recovery else [])


def renew_codes(*, by: User) -> list[str] | Denied:
    """New recovery codes; the earlier ones end."""
    denied = factors.fresh(by, "Making recovery codes")
    if isinstance(denied, Denied):
        return denied
    try:
        row, made = codes.new_recovery(by)
    except DriverError:
        return SEALED
    with context(by=by):
        tries.locked_row(by)
        Authenticator.objects.filter(user=by, type=Authenticator.Type.RECOVERY_CODES).delete()
        row.save()
        record("factor.codes_made", object=by.audit_ref, data={"count": len(made)})
    return made
