"""People, teams, tokens, quotas, decisions, approval rules, signatures, second factors."""

from policies.models.factors import FactorRule, FactorTries, Purpose
from policies.models.people import Membership, Organisation, Role, Service, Team, User
from policies.models.rules import ApprovalRule, Decision, Quota, QuotaReservation, Signature, Verdict
from policies.models.tokens import ApiToken, ApiTokenUse, SignInLink

__all__ = [
    "ApiToken",
    "ApiTokenUse",
    "ApprovalRule",
    "Decision",
    "FactorRule",
    "FactorTries",
    "Membership",
    "Organisation",
    "Purpose",
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
