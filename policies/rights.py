"""The enumerated rights and their words. Which role carries which, and who holds them, is `permissions.py`'s."""

from enum import StrEnum


class Permission(StrEnum):
    """Everything that a person can be allowed to do."""

    VIEW = "view"
    REQUEST = "request"
    OPERATE = "operate"
    DEPLOY = "deploy"
    APPROVE = "approve"
    REVEAL_SECRET = "reveal_secret"  # noqa: S105 - the name of a right, not a secret
    MANAGE_TEAM = "manage_team"
    VIEW_HISTORY = "view_history"
    EXPORT_HISTORY = "export_history"
    PUBLISH_TEMPLATE = "publish_template"
    RECOVER = "recover"
    MANAGE_TARGETS = "manage_targets"
    MANAGE_INVENTORY = "manage_inventory"
    MANAGE_ACCESS = "manage_access"
    REVIEW_ACCESS = "review_access"
    IMPERSONATE = "impersonate"
    MANAGE_POLICIES = "manage_policies"
    OVERRIDE_POLICY = "override_policy"
    MANAGE_APPROVAL_RULES = "manage_approval_rules"
    BREAK_GLASS = "break_glass"
    MANAGE_QUOTAS = "manage_quotas"
    MANAGE_WINDOWS = "manage_windows"
    STOP_THE_LINE = "stop_the_line"
    USE_SWITCHES = "use_switches"

    @property
    def words(self) -> str:
        """What it lets somebody do, up to the object: `reveal secrets of`."""
        return WORDS[self]


WORDS: dict[Permission, str] = {
    Permission.VIEW: "see",
    Permission.REQUEST: "request environments for",
    Permission.OPERATE: "operate environments of",
    Permission.DEPLOY: "deploy releases for",
    Permission.APPROVE: "sign plans of",
    Permission.REVEAL_SECRET: "reveal secrets of",
    Permission.MANAGE_TEAM: "manage",
    Permission.VIEW_HISTORY: "read the history of",
    Permission.EXPORT_HISTORY: "export the history of",
    Permission.PUBLISH_TEMPLATE: "publish templates for",
    Permission.RECOVER: "recover stuck operations of",
    Permission.MANAGE_TARGETS: "manage the targets of",
    Permission.MANAGE_INVENTORY: "manage the inventory of",
    Permission.MANAGE_ACCESS: "manage who may do what in",
    Permission.REVIEW_ACCESS: "review who may do what in",
    Permission.IMPERSONATE: "look through the eyes of people of",
    Permission.MANAGE_POLICIES: "manage the policies of",
    Permission.OVERRIDE_POLICY: "override policies of",
    Permission.MANAGE_APPROVAL_RULES: "manage the approval rules of",
    Permission.BREAK_GLASS: "break the glass for",
    Permission.MANAGE_QUOTAS: "manage quotas and budgets of",
    Permission.MANAGE_WINDOWS: "manage the windows of",
    Permission.STOP_THE_LINE: "stop the line of",
    Permission.USE_SWITCHES: "use the switches of",
}
