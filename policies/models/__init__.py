"""People, teams, tokens, quotas, decisions, approval rules and signatures. What they apply to lives above."""

from policies.models.access import AccessGrant, AccessReview, Effect, Impersonation, ReviewItem
from policies.models.people import CustomRole, Membership, Organisation, Role, Service, Team, User
from policies.models.rules import ApprovalRule, Decision, Quota, QuotaReservation, Signature, Verdict
from policies.models.tokens import ApiToken, ApiTokenUse, SignInLink

__all__ = [
    "AccessGrant",
    "AccessReview",
    "ApiToken",
    "ApiTokenUse",
    "ApprovalRule",
    "CustomRole",
    "Decision",
    "Effect",
    "Impersonation",
    "Membership",
    "Organisation",
    "Quota",
    "QuotaReservation",
    "ReviewItem",
    "Role",
    "Service",
    "SignInLink",
    "Signature",
    "Team",
    "User",
    "Verdict",
]
