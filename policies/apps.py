"""Registers the tables of this app with the history."""

from django.apps import AppConfig

from audit.registry import exempt, watch


class PoliciesConfig(AppConfig):
    name = "policies"

    def ready(self) -> None:
        from policies import engine
        from policies.bundles import live

        engine.follow(live.chosen)
        watch("policies.User", prefix="user", masked=("password",))
        watch("policies.Organisation", prefix="organisation")
        watch("policies.Team", prefix="team", scope="id")
        watch("policies.Service", prefix="service", scope="team_id")
        watch("policies.Membership", prefix="membership", scope="team_id")
        watch("policies.CustomRole", prefix="customrole")
        watch("policies.AccessGrant", prefix="accessgrant", scope="team_id")
        watch("policies.Impersonation", prefix="impersonation")
        watch("policies.AccessReview", prefix="accessreview", scope="team_id")
        watch("policies.ReviewItem", prefix="reviewitem", scope="team_id")
        watch("policies.ApiToken", prefix="token", masked=("hash",))
        watch("policies.SignInLink", prefix="signinlink", masked=("hash",))
        watch("policies.Quota", prefix="quota", scope="team_id")
        watch("policies.QuotaReservation", prefix="reservation", scope="team_id")
        watch("policies.Budget", prefix="budget", scope="team_id")
        watch("policies.BudgetMark", prefix="budgetmark")
        watch("policies.Decision", prefix="decision", scope="team_id")
        watch("policies.ApprovalRule", prefix="approvalrule")
        watch("policies.RuleStep", prefix="rulestep")
        watch("policies.Signature", prefix="signature", scope="team_id")
        watch("policies.Comment", prefix="comment", scope="team_id")
        watch("policies.Delegation", prefix="delegation", scope="team_id")
        watch("policies.BrokenGlass", prefix="brokenglass", scope="team_id")
        watch("policies.FactorRule", prefix="factorrule")
        watch("mfa.Authenticator", prefix="factor", masked=("data",))
        watch("policies.Waiver", prefix="waiver", scope="team_id")
        watch("policies.Window", prefix="window")
        watch("policies.Stop", prefix="stop")
        watch("policies.Switch", prefix="switch")
        exempt("policies.WindowOccurrence", reason="derived from windows, whose changes are recorded")
        watch("policies.PolicySource", prefix="policysource", masked=("files",))
        watch("policies.FormRule", prefix="formrule")
        watch("policies.PolicyBundle", prefix="bundle", masked=("files",))
        watch("policies.Replay", prefix="replay", masked=("rows",))
        exempt(
            "policies.DecisionInput", reason="facts of decisions, found by their digest and removed after some weeks"
        )
        exempt("policies.ShadowDecision", reason="what a bundle in shadow would have said; it has no effect")
        exempt("policies.Standing", reason="the newest look at what runs; each change of it is a decision")
        watch("guardian.UserObjectPermission", prefix="grant")
        watch("guardian.GroupObjectPermission", prefix="groupgrant")
        watch("auth.Group", prefix="group")
        exempt("policies.User_groups", reason="groups are not used; team roles are memberships")
        exempt("policies.User_user_permissions", reason="model permissions are not used; grants are per object")
        exempt("auth.Group_permissions", reason="model permissions are not used; grants are per object")
        exempt("auth.Permission", reason="written by migrations only")
        exempt("contenttypes.ContentType", reason="written by migrations only")
        exempt("policies.FactorTries", reason="counts of some minutes; codes right and wrong are events")
        exempt("account.EmailAddress", reason="comes with the library of second factors; nothing may write it")
        exempt("account.EmailConfirmation", reason="comes with the library of second factors; nothing may write it")
        exempt("sessions.Session", reason="short-lived; sign-ins and sign-outs are events")
        exempt(
            "policies.ApiTokenUse",
            reason="last use of a token, at most one write a minute; the acts are recorded",
        )
