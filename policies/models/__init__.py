"""People, teams, tokens, quotas, decisions, approval rules, signatures and comments. What they apply to lives above."""

from policies.models.comments import Comment
from policies.models.people import Membership, Organisation, Role, Service, Team, User
from policies.models.rules import (
    ApprovalRule,
    Decision,
    OnExpiry,
    Quota,
    QuotaReservation,
    RuleStep,
    Signature,
    Verdict,
)
from policies.models.signing import BrokenGlass, Delegation
from policies.models.tokens import ApiToken, ApiTokenUse, SignInLink

__all__ = [
    "ApiToken",
    "ApiTokenUse",
    "ApprovalRule",
    "BrokenGlass",
    "Comment",
    "Decision",
    "Delegation",
    "Membership",
    "OnExpiry",
    "Organisation",
    "Quota",
    "QuotaReservation",
    "Role",
    "RuleStep",
    "Service",
    "SignInLink",
    "Signature",
    "Team",
    "User",
    "Verdict",
]
