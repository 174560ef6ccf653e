"""Security keys and passkeys (WebAuthn): registered and entered. Challenges lie in the session and work once."""

import ipaddress
import json
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth as webauthn
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from fido2.webauthn import AuthenticationResponse

from audit.context import context
from audit.record import emit, record
from policies import factors
from policies.factors import Proof
from policies.models import User
from policies.results import Denied
from portal.second_factor.entering import proof_by
from provisioning.actions.storable import storable

# Whatever a browser, or somebody else, may have sent in place of an answer.
MALFORMED = (ValidationError, ValueError, TypeError, KeyError, IndexError, AttributeError)
MOST_KEYS = 10


def usable(request: HttpRequest) -> bool:
    """Browsers offer keys for a name, over https or at localhost; never for an address in digits."""
    host = request.get_host().rpartition(":")[0] or request.get_host()
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return request.is_secure() or host == "localhost" or host.endswith(".localhost")
    return False


def registration(by: User) -> str:
    """What the browser needs to make a credential, as JSON; the challenge is kept in the session."""
    return json.dumps(webauthn.begin_registration(by, passwordless=False)["publicKey"])


def challenge(by: User) -> str:
    """What the browser needs to use one of the person's keys, as JSON; nothing when they have none."""
    if not Authenticator.objects.filter(user=by, type=Authenticator.Type.WEBAUTHN).exists():
        return ""
    return json.dumps(webauthn.begin_authentication(by)["publicKey"])


def checked_registration(answer: str) -> dict[str, Any] | None:
    """The credential that a browser made for our challenge, or None."""
    try:
        credential = json.loads(answer)
        webauthn.complete_registration(credential)
    except MALFORMED:
        return None
    finally:
        webauthn.clear_state()
    return dict(credential) if storable(credential) else None


def enter(*, by: User, answer: str) -> Proof | Denied:
    """Check a key's answer to our challenge. Its counter must have grown, if it counts at all."""
    try:
        response = json.loads(answer)
        seen = webauthn.complete_authentication(by, response)
        counter = AuthenticationResponse.from_dict(response).response.authenticator_data.counter
    except MALFORMED:
        return _refused(by)
    finally:
        webauthn.clear_state()
    with context(by=by):
        row = Authenticator.objects.select_for_update().filter(pk=seen.pk, user=by).first()
        if row is None:
            return _unknown()
        known = row.data.get("counter", 0)
        if (counter or known) and counter <= known:
            return _copied(by, row)
        row.data["counter"] = counter
        return proof_by(by, row)


def _refused(by: User) -> Denied:
    with context(by=by):
        record("factor.wrong", object=by.audit_ref, data={"method": "webauthn"})
    return _unknown()


def _unknown() -> Denied:
    fix = "Try again with a key that stands at Your settings, Security."
    return Denied("factor.key", "factor_credential", "The security key's answer is not valid.", fix, "You")


def _copied(by: User, row: Authenticator) -> Denied:
    data = {"factor": row.pk, "name": row.data["name"]}
    record("factor.copied", object=by.audit_ref, data=data)
    emit("factor.copied", object=by.audit_ref, payload=data)
    reason = "The key's counter did not grow: there may be a copy of the key."
    return Denied(
        "factor.counter", "factor_credential", reason, "Remove this key and register another.", "A platform engineer"
    )


def may_register(by: User) -> Denied | None:
    """Another factor is added only under one that is there."""
    if factors.has_factor(by):
        checked = factors.fresh(by, "Adding a factor")
        return checked if isinstance(checked, Denied) else None
    return None
