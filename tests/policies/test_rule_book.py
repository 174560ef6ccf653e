"""Writing approval rules: who may, and that a rule names only what there is. A refusal is recorded, nothing written."""

import pytest

from audit.context import context
from audit.models import AuditEvent
from policies import rule_book
from policies.models import ApprovalRule, CustomRole, RuleStep
from policies.results import Denied
from policies.rule_book import RuleDraft, StepDraft

pytestmark = pytest.mark.django_db


def drafted(**step) -> RuleDraft:
    return RuleDraft("late", "Whoever works late", (StepDraft(**step),))


def written() -> tuple[int, int]:
    return ApprovalRule.objects.filter(slug="late").count(), RuleStep.objects.filter(rule__slug="late").count()


@pytest.mark.parametrize(
    ("roles", "field", "said"),
    [
        (("onwer",), "roles", "There is no role onwer."),
        (("owner@paymants",), "teams", "Nothing is named paymants."),
        (("keeper", "owner"), "roles", "There is no role keeper."),
    ],
)
def test_a_step_of_a_role_or_team_that_does_not_exist_is_refused(demo, roles, field, said):
    denied = rule_book.save(by=demo.pia, draft=drafted(owning=False, roles=roles))
    assert isinstance(denied, Denied)
    assert (denied.rule, denied.field, denied.reason, denied.status) == ("rule.known", field, said, 422)
    assert written() == (0, 0)


def test_a_step_may_name_a_role_of_ones_own_making(demo):
    with context(by="system:test"):
        CustomRole.objects.create(slug="keeper", name="Keeper", permissions=["approve"])
    assert rule_book.save(by=demo.pia, draft=drafted(owning=False, roles=("keeper@payments", "owner")))
    assert written() == (1, 1)


def test_only_who_manages_approval_rules_writes_one_and_each_try_is_in_the_history(demo):
    made = rule_book.save(by=demo.pia, draft=drafted())
    for answer in (
        rule_book.save(by=demo.ines, draft=drafted(quorum=2), rule=made),
        rule_book.switch(by=demo.ines, rule=made, active=False),
    ):
        assert (answer.rule, answer.status) == ("role.manage_approval_rules", 403)
    made.refresh_from_db()
    assert (made.active, made.steps.get().quorum) == (True, 1)
    tries = AuditEvent.objects.filter(event="access.refused", object=f"approvalrule:{made.pk}")
    assert [event.data["rule"] for event in tries] == ["role.manage_approval_rules"] * 2


def test_a_rule_is_put_out_of_force_and_back_and_both_are_in_the_history(demo):
    made = rule_book.save(by=demo.pia, draft=drafted())
    for active in (False, True):
        assert rule_book.switch(by=demo.pia, rule=made, active=active).active is active
    told = AuditEvent.objects.filter(event="approvalrule.switched", object=f"approvalrule:{made.pk}").order_by("id")
    assert [(event.actor, event.data) for event in told] == [
        (demo.pia.audit_ref, {"active": False}),
        (demo.pia.audit_ref, {"active": True}),
    ]
