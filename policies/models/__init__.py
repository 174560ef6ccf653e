"""People, teams, tokens, limits, decisions, approval rules and signatures. What they apply to lives above."""

from policies.models.access import AccessGrant, AccessReview, Effect, Impersonation, ReviewItem
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
from policies.models.comments import Comment
from policies.models.factors import FactorRule, FactorTries, Purpose
from policies.models.limits import Budget, BudgetMark, Quota, QuotaReservation
from policies.models.people import CustomRole, Membership, Organisation, Role, Service, Team, User
from policies.models.rules import ApprovalRule, Decision, OnExpiry, RuleStep, Signature, Verdict
from policies.models.signing import BrokenGlass, Delegation
from policies.models.tokens import ApiToken, ApiTokenUse, SignInLink
from policies.models.waivers import Waiver
from policies.models.windows import Effect as WindowEffect
from policies.models.windows import Running, Stop, Switch, SwitchName, Window, WindowOccurrence

__all__ = [
    "AccessGrant",
    "AccessReview",
    "ApiToken",
    "ApiTokenUse",
    "ApprovalRule",
    "BrokenGlass",
    "Budget",
    "BudgetMark",
    "BundleState",
    "Comment",
    "CustomRole",
    "Decision",
    "DecisionInput",
    "Delegation",
    "Effect",
    "FactorRule",
    "FactorTries",
    "FormRule",
    "Impersonation",
    "Membership",
    "OnExpiry",
    "Organisation",
    "PolicyBundle",
    "PolicySource",
    "Purpose",
    "Quota",
    "QuotaReservation",
    "Replay",
    "ReviewItem",
    "Role",
    "RuleStep",
    "Running",
    "Service",
    "ShadowDecision",
    "SignInLink",
    "Signature",
    "Standing",
    "Stop",
    "Switch",
    "SwitchName",
    "Team",
    "User",
    "Verdict",
    "Waiver",
    "Window",
    "WindowEffect",
    "WindowOccurrence",
]
