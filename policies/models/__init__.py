"""People, teams, tokens, quotas, decisions, approval rules and signatures. What they apply to lives above."""

from policies.models.bundles import (
    BundleState,
    DecisionInput,
    FormRule,
    PolicyBundle,
    PolicySource,
    Replay,
    ShadowDecision,
    Standing,
)
from policies.models.people import Membership, Organisation, Role, Service, Team, User
from policies.models.rules import ApprovalRule, Decision, Quota, QuotaReservation, Signature, Verdict
from policies.models.tokens import ApiToken, ApiTokenUse, SignInLink

__all__ = [
    "ApiToken",
    "ApiTokenUse",
    "ApprovalRule",
    "BundleState",
    "Decision",
    "DecisionInput",
    "FormRule",
    "Membership",
    "Organisation",
    "PolicyBundle",
    "PolicySource",
    "Quota",
    "QuotaReservation",
    "Replay",
    "Role",
    "Service",
    "ShadowDecision",
    "SignInLink",
    "Signature",
    "Standing",
    "Team",
    "User",
    "Verdict",
]
