"""People, teams, tokens, quotas, budgets, decisions, approval rules and signatures. What they apply to lives above."""

from policies.models.limits import Budget, BudgetMark, Quota, QuotaReservation
from policies.models.people import Membership, Organisation, Role, Service, Team, User
from policies.models.rules import ApprovalRule, Decision, Signature, Verdict
from policies.models.tokens import ApiToken, ApiTokenUse, SignInLink

__all__ = [
    "ApiToken",
    "ApiTokenUse",
    "ApprovalRule",
    "Budget",
    "BudgetMark",
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
