"""Codes of an authenticator app (RFC 6238) and recovery codes: made, and compared in constant time.

The arithmetic is allauth's. What was spent is known to the caller, who holds the row.
"""

import hmac
import re
import time

from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value

from policies.models import User
from portal.second_factor.adapter import seeds_of

APP_CODE = re.compile(r"[0-9]{6}")
RECOVERY_CODE = re.compile(r"[0-9]{10}")


def plain(code: str) -> str:
    """What was typed without spaces and hyphens."""
    return re.sub(r"[\s-]", "", code[:40])


def new_seed(user: User) -> str:
    """A new seed for an authenticator app, encrypted. Asks Vault."""
    with seeds_of(user):
        return str(get_adapter().encrypt(generate_totp_secret()))


def new_recovery(user: User) -> tuple[Authenticator, list[str]]:
    """Recovery codes that are not saved yet, and their text. Asks Vault."""
    with seeds_of(user):
        seed = get_adapter().encrypt(RecoveryCodes.generate_seed())
        row = Authenticator(user=user, type=Authenticator.Type.RECOVERY_CODES, data={"seed": seed, "used_mask": 0})
        return row, RecoveryCodes(row).generate_codes()


def seed_text(user: User, encrypted: str) -> str:
    """The seed in clear, for the page that shows it and for comparing. Asks Vault."""
    with seeds_of(user):
        return str(get_adapter().decrypt(encrypted))


def step_of(seed: str, code: str) -> int | None:
    """The time step whose code this is: the present one or one beside it. Every candidate is compared."""
    now, found = int(time.time()) // app_settings.TOTP_PERIOD, None
    for step in range(now - app_settings.TOTP_TOLERANCE, now + app_settings.TOTP_TOLERANCE + 1):
        if _same(format_hotp_value(hotp_value(seed, step)), code):
            found = step
    return found


def place_of(user: User, row: Authenticator, code: str) -> int | None:
    """The place of a recovery code among those of the row, spent or not. Asks Vault; compares all."""
    with seeds_of(user):
        known = RecoveryCodes(row).generate_codes()
    found = [place for place, each in enumerate(known) if _same(each, code)]
    return found[0] if found else None


def left(row: Authenticator) -> int:
    """How many recovery codes are unspent."""
    return int(app_settings.RECOVERY_CODE_COUNT) - int(row.data["used_mask"]).bit_count()


def _same(expected: str, code: str) -> bool:
    return hmac.compare_digest(expected.encode(), code.encode())
