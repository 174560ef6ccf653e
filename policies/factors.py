"""Second factors by rule: which act needs one, and whether the person who acts has entered one lately.

`proof` is filled by the portal for each request, from the session or the token. Nothing here checks a code.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from django.utils import timezone

from audit.context import context
from audit.record import record
from policies.models import ApiToken, FactorRule, Purpose, User
from policies.permissions import Permission, may, teams_with
from policies.results import Allowed, Denied

FRESH = timedelta(seconds=900)
# The clocks of two web servers may differ by this much; a proof from further ahead is not believed.
SKEW = timedelta(seconds=30)
TOKEN = "token"  # noqa: S105 - a way to prove, not a secret
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
_RIGHT: dict[str, Permission] = {
    Purpose.SIGN_PROD: Permission.APPROVE,
    Purpose.BREAK_GLASS: Permission.BREAK_GLASS,
    Purpose.REVEAL: Permission.REVEAL_SECRET,
}
_ACTS: dict[str, str] = {
    Purpose.SIGN_PROD: "Signing a plan of prod",
    Purpose.BREAK_GLASS: "Breaking the glass",
    Purpose.REVEAL: "Revealing a secret",
    Purpose.MINT_TOKEN: "Making a token",
}


@dataclass(frozen=True)
class Proof:
    """Person `user` entered factor `factor` (ids) by `method` at `at`; `token`: a token carries it."""

    user: int
    method: str
    at: datetime
    factor: int


proof: ContextVar[Proof | None] = ContextVar("policies_factor_proof", default=None)


@contextmanager
def carried(found: Proof | None) -> Iterator[None]:
    """Act with this proof, and with no other."""
    before = proof.get()
    proof.set(found)
    try:
        yield
    finally:
        proof.set(before)


def rule_for(purpose: str) -> FactorRule:
    """The rule of an act; without a row only the glass needs a factor."""
    found = FactorRule.objects.filter(purpose=purpose).first()
    return found or FactorRule(purpose=purpose, required=purpose == Purpose.BREAK_GLASS)


def rules() -> list[FactorRule]:
    """The rule of every act, in the order of the acts."""
    rows = {row.purpose: row for row in FactorRule.objects.all()}
    default = {p: FactorRule(purpose=p, required=p == Purpose.BREAK_GLASS) for p in Purpose.values}
    return [rows.get(purpose, default[purpose]) for purpose in Purpose.values]


def need(by: User, purpose: Purpose) -> Allowed | Denied:
    """May the person do this act with the factor that was entered last?"""
    rule = rule_for(purpose)
    if not rule.required:
        return Allowed()
    longest = timedelta(seconds=rule.max_age_seconds)
    if _holds(by, longest, tokens=rule.tokens):
        return Allowed()
    return _wanted(by, f"factor.{purpose}", _ACTS[purpose], longest)


def fresh(by: User, act: str) -> Allowed | Denied:
    """The same for what always needs a factor entered in the browser; `act` begins the sentence."""
    return Allowed() if _holds(by, FRESH, tokens=False) else _wanted(by, "factor.fresh", act, FRESH)


def _holds(by: User, longest: timedelta, *, tokens: bool) -> bool:
    found = proof.get()
    if found is None or found.user != by.pk:
        return False
    age = timezone.now() - found.at
    in_time = -SKEW <= age < longest or (tokens and found.method == TOKEN)
    # A proof ends with its factor: a reset takes it from open sessions and tokens too.
    return in_time and bool(Authenticator.objects.filter(pk=found.factor, user=by).exists())


def _wanted(by: User, rule: str, act: str, longest: timedelta) -> Denied:
    minutes = int(longest.total_seconds() // 60)
    fix = "Enter a code on the page Second factor. A token counts only if it was made to carry one."
    if not has_factor(by):
        fix = "You have none yet: set one up at Your settings, Security."
    return Denied(
        rule=rule,
        field="second_factor",
        reason=f"{act} needs a second factor that was entered within the last {minutes} min.",
        fix=fix,
        who="You",
    )


def has_factor(user: User) -> bool:
    """Does the person have an authenticator app or a security key? Recovery codes alone are none."""
    return bool(Authenticator.objects.filter(user=user, type__in=FACTORS).exists())


def demanded_of(user: User) -> list[Purpose]:
    """The acts that need a factor and that this person has the right to."""
    found = [Purpose(rule.purpose) for rule in rules() if rule.required]
    return [purpose for purpose in found if _may_ever(user, purpose)]


def _may_ever(user: User, purpose: Purpose) -> bool:
    right = _RIGHT.get(purpose)
    return right is None or teams_with(user, right).exists()


def of_token(token: ApiToken) -> Proof | None:
    """What a token carries: only if it was made under a factor, and says so."""
    if token.factor_at is None or token.factor is None:
        return None
    return Proof(token.user_id, TOKEN, token.factor_at, token.factor)


def to_mint(by: User, *, carried_too: bool) -> Allowed | Denied:
    """May the person make a token, and one that carries the factor with it?"""
    allowed = need(by, Purpose.MINT_TOKEN)
    return fresh(by, "Making a token that carries a second factor") if allowed and carried_too else allowed


def for_token() -> dict[str, Any]:
    """What a token carries of the present proof. Only after `to_mint` allowed it."""
    found = proof.get()
    return {"factor_at": min(found.at, timezone.now()), "factor": found.factor} if found else {}


def change_rule(*, by: User, purpose: Purpose, required: bool, minutes: int, tokens: bool) -> FactorRule | Denied:
    """Say whether an act needs a factor, and for how long one counts. Loosening needs a fresh factor itself."""
    denied = _unchangeable(by, purpose, required, minutes, tokens)
    if denied is not None:
        with context(by=by):
            record("factor.rule_refused", object=f"factorrule:{purpose}", data={"rule": denied.rule})
        return denied
    with context(by=by):
        wanted = {"required": required, "max_age_seconds": minutes * 60, "tokens": tokens}
        rule, _ = FactorRule.objects.update_or_create(purpose=purpose, defaults=wanted)
        record("factor.rule_changed", object=f"factorrule:{purpose}", data=wanted)
    return rule


def _unchangeable(by: User, purpose: Purpose, required: bool, minutes: int, tokens: bool) -> Denied | None:
    allowed = may(by, Permission.MANAGE_POLICIES, None)
    if isinstance(allowed, Denied):
        return allowed
    if not 1 <= minutes <= 720:
        return Denied("factor.age", "minutes", "Between 1 and 720 minutes.", "15 is usual.", status=422)
    if purpose == Purpose.BREAK_GLASS and (not required or minutes > 15 or tokens):
        reason = "Breaking the glass always needs a factor entered by the person within 15 min."
        return Denied("factor.break_glass_always", "required", reason, "Choose 15 min or fewer.", status=422)
    now = rule_for(purpose)
    looser = now.required and (not required or minutes * 60 > now.max_age_seconds or (tokens and not now.tokens))
    checked = fresh(by, "Loosening a rule of second factors") if looser else Allowed()
    return checked if isinstance(checked, Denied) else None
