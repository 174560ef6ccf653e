"""People, teams, tokens, quotas, decisions, approval rules, signatures and waivers. What they apply to lives above."""

from policies.models.people import Membership, Organisation, Role, Service, Team, User
from policies.models.rules import ApprovalRule, Decision, Quota, QuotaReservation, Signature, Verdict
from policies.models.tokens import ApiToken, ApiTokenUse, SignInLink
from policies.models.waivers import Waiver

__all__ = [
    "ApiToken",
    "ApiTokenUse",
    "ApprovalRule",
    "Decision",
    "Membership",
    "Organisation",
    "Quota",
    "QuotaReservation",
    "Role",
    "Service",
    "SignInLink",
    "Signature",
    "Team",
    "User",
    "Verdict",
    "Waiver",
]
