"""The proof of a second factor between requests: kept in the session, bound to the person who entered it."""

from collections.abc import Callable
from datetime import datetime

from django.http import HttpRequest, HttpResponse

from policies import factors
from policies.factors import Proof

KEY = "second_factor"


class CarriesProof:
    """Fills `policies.factors.proof` for each request: from the session here, from a token in portal.api.auth."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with factors.carried(found_in(request)):
            return self.get_response(request)


def found_in(request: HttpRequest) -> Proof | None:
    """The proof that this browser's session carries."""
    kept = request.session.get(KEY) if request.user.is_authenticated else None
    if not kept:
        return None
    return Proof(kept["user"], kept["method"], datetime.fromisoformat(kept["at"]), kept["factor"])


def keep(request: HttpRequest, proof: Proof) -> None:
    """Carry this proof from now on; the session key changes with what the session may do."""
    request.session.cycle_key()
    request.session[KEY] = {
        "user": proof.user,
        "method": proof.method,
        "at": proof.at.isoformat(),
        "factor": proof.factor,
    }
    factors.proof.set(proof)
