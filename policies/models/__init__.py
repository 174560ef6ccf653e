"""People, teams, tokens, quotas, decisions, approval rules, signatures and comments. What they apply to lives above."""

from policies.models.comments import Comment
from policies.models.people import Membership, Organisation, Role, Service, Team, User
from policies.models.rules import ApprovalRule, Decision, Quota, QuotaReservation, Signature, Verdict
from policies.models.tokens import ApiToken, ApiTokenUse, SignInLink

__all__ = [
    "ApiToken",
    "ApiTokenUse",
    "ApprovalRule",
    "Comment",
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
]
