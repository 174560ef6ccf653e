"""Entering a second factor by a code: what was typed becomes a proof, once. Security keys are in keys.py."""

from collections.abc import Callable

from allauth.mfa.models import Authenticator
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from audit.context import context
from audit.record import record
from policies.factors import Proof
from policies.models import FactorTries, User
from policies.results import Denied
from portal.second_factor import codes, tries
from provisioning.drivers.base import DriverError

Spend = Callable[[FactorTries, Authenticator], bool]
SEALED = Denied(
    rule="factor.store",
    field="",
    reason="Codes cannot be checked now: Vault, which keeps their seeds, is sealed or does not answer.",
    fix="Use a security key, or try again when Vault is back. Nothing was done.",
    who="A platform engineer",
    status=503,
)


@sensitive_variables("code", "typed", "spend")
def enter(*, by: User, typed: str) -> Proof | Denied:
    """Check one code of the person's own factors. A right one is spent; a wrong one is counted."""
    code = codes.plain(typed)
    kind = _kind_of(code)
    denied = tries.too_many(by)
    if denied is not None:
        return denied
    row = Authenticator.objects.filter(user=by, type=kind).first() if kind else None
    try:
        spend = _spending(by, row, code) if row else None
    except DriverError:
        return SEALED
    with context(by=by):
        return _tried(by, row, spend)


def _kind_of(code: str) -> str:
    if codes.APP_CODE.fullmatch(code):
        return str(Authenticator.Type.TOTP)
    return str(Authenticator.Type.RECOVERY_CODES) if codes.RECOVERY_CODE.fullmatch(code) else ""


def _spending(by: User, row: Authenticator, code: str) -> Spend | None:
    """How a right code is spent under the lock; None for a wrong one. Asks Vault, outside any transaction."""
    if row.type == Authenticator.Type.TOTP:
        step = codes.step_of(codes.seed_text(by, row.data["secret"]), code)
        return None if step is None else lambda tried, _: _spend_step(tried, step)
    place = codes.place_of(by, row, code)
    seed = row.data["seed"]
    return None if place is None else lambda _, now: now.data["seed"] == seed and _spend_place(now, place)


def _spend_step(tried: FactorTries, step: int) -> bool:
    """Neither the same code again nor an older one (RFC 6238, 5.2)."""
    if step <= tried.totp_step:
        return False
    tried.totp_step = step
    return True


def _spend_place(row: Authenticator, place: int) -> bool:
    if row.data["used_mask"] & (1 << place):
        return False
    row.data["used_mask"] |= 1 << place
    return True


def _tried(by: User, seen: Authenticator | None, spend: Spend | None) -> Proof | Denied:
    tried = tries.locked_row(by)
    denied = tries.refusal_of(tried.wrong_at)
    if denied is not None:
        return denied
    row = Authenticator.objects.select_for_update().filter(pk=seen.pk).first() if seen and spend else None
    if row is None or spend is None or not spend(tried, row):
        return _wrong(by, tried)
    tried.wrong_at = []
    tried.save()
    return proof_by(by, row)


def _wrong(by: User, tried: FactorTries) -> Denied:
    tried.wrong_at = [*tried.wrong_at, timezone.now()]
    tried.save()
    record("factor.wrong", object=by.audit_ref)
    left = tries.MOST - len(tried.wrong_at)
    fix = f"Enter the code that is shown now; each works once. {left} more tries." if left else "No try is left."
    return Denied("factor.code", "factor_code", "This code is wrong, or was used already.", fix, "You")


def proof_by(by: User, row: Authenticator) -> Proof:
    """The factor was entered: recorded, and noted at the factor. Call inside an audit context."""
    row.last_used_at = timezone.now()
    row.save(update_fields=["data", "last_used_at"])
    record("factor.entered", object=by.audit_ref, data={"method": row.type, "factor": row.pk})
    return Proof(by.pk, row.type, row.last_used_at, row.pk)
