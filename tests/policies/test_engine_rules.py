"""Each shipped rule through `judge`: the exact finding, and that nothing else is found."""

from typing import Any

import pytest

from policies.engine import Finding, judge
from tests.policies.policy_facts import NOW, facts

RULES = (
    "admission.image",
    "admission.label",
    "admission.limits",
    "admission.privileged",
    "driver.isolation",
    "env.cost_centre",
    "env.name_label",
    "env.name_reserved",
    "env.owner",
    "env.tier_template",
    "env.ttl_long",
    "env.ttl_maximum",
    "env.ttl_month",
    "env.ttl_required",
    "plan.removal",
    "prod.signatures",
    "team.environment_limit",
    "team.quota_low",
)

LABEL_FIX = "Use 1 to 63 lower-case letters, digits and hyphens; begin with a letter, end with a letter or a digit."
PROD_WHO = "The platform team and the owners of the team payments"
PLAN = {"changes": [{"address": "database.main", "action": "replace"}]}

CASES: list[tuple[dict[str, Any], Finding]] = [
    (
        {"environment": {"name": "Payments"}},
        Finding(
            "env.name_label",
            "block",
            "environment.name",
            "Payments",
            "The name Payments has capital letters.",
            LABEL_FIX,
            "You, the requester",
        ),
    ),
    (
        {"environment": {"name": "a" * 64}},
        Finding(
            "env.name_label",
            "block",
            "environment.name",
            "a" * 64,
            "The name is 64 characters long; 63 is the most that a host name allows.",
            LABEL_FIX,
            "You, the requester",
        ),
    ),
    (
        {"environment": {"name": "admin"}},
        Finding(
            "env.name_reserved",
            "block",
            "environment.name",
            "admin",
            "The name admin is reserved.",
            "Choose another name, for example payments-dev.",
            "You, the requester",
        ),
    ),
    (
        {"template": {"tiers": ["sandbox", "preview"]}},
        Finding(
            "env.tier_template",
            "block",
            "environment.tier",
            "dev",
            "The template web-app 1.2.0 is not offered for the tier dev.",
            "Choose one of its tiers (sandbox, preview) or another template.",
            "The owner of the template",
        ),
    ),
    (
        {"environment": {"ttl_hours": None}},
        Finding(
            "env.ttl_required",
            "block",
            "environment.ttl_hours",
            None,
            "An environment of the tier dev needs a time to live.",
            "Say after how many hours it may be removed. You can extend it later.",
            "You, the requester",
        ),
    ),
    (
        {"environment": {"ttl_hours": 721}},
        Finding(
            "env.ttl_maximum",
            "block",
            "environment.ttl_hours",
            721,
            "The time to live of 721 hours is longer than the 30 days that the template web-app allows"
            " for the tier dev.",
            "Ask for 30 days or less.",
            "The owner of the template",
        ),
    ),
    (
        {"environment": {"ttl_hours": 360, "tier": "preview"}},
        Finding(
            "env.ttl_long",
            "warn",
            "environment.ttl_hours",
            360,
            "15 days is long for the tier preview; most are done within 14 days.",
            "Shorten the time to live, or suspend the environment while it is not used.",
            "You, the requester",
        ),
    ),
    (
        {"environment": {"ttl_hours": 721, "tier": "preview"}, "template": {"ttl_max_hours": 1440}},
        Finding(
            "env.ttl_month",
            "soft",
            "environment.ttl_hours",
            721,
            "721 hours is longer than the 30 days that the tier preview is meant for.",
            "Ask for 30 days or less, or for the tier dev.",
            "An owner of the team payments",
        ),
    ),
    (
        {"environment": {"owner": None}},
        Finding(
            "env.owner",
            "block",
            "environment.owner",
            None,
            "The environment has no owner.",
            "Name a member of the team payments.",
            "An owner of the team payments",
        ),
    ),
    (
        {"environment": {"cost_centre": None}},
        Finding(
            "env.cost_centre",
            "block",
            "environment.cost_centre",
            None,
            "The environment has no cost centre.",
            "Enter one, for example CC-4100 of the team payments.",
            "An owner of the team payments",
        ),
    ),
    (
        {"kind": "deploy", "environment": {"tier": "prod"}, "signatures": {"required": 1}},
        Finding(
            "prod.signatures",
            "block",
            "signatures.required",
            1,
            "A change of prod needs at least 2 signatures; the approval rules ask for 1.",
            "Raise the number of signatures in the approval rule for prod to 2 or more.",
            PROD_WHO,
        ),
    ),
    (
        {"kind": "promote", "environment": {"tier": "prod"}, "signatures": {"required_owning_team": 0}},
        Finding(
            "prod.signatures",
            "block",
            "signatures.required_owning_team",
            0,
            "The approval rules let prod change without a signature from the team payments, which owns the service.",
            "Let the approval rule for prod ask for 1 signature from the team payments.",
            PROD_WHO,
        ),
    ),
    (
        {"team": {"environments": 10}},
        Finding(
            "team.environment_limit",
            "block",
            "team.environments",
            10,
            "The team payments has 10 environments; its limit is 10.",
            "Destroy an environment that payments no longer needs, or ask the platform team to raise the limit.",
            "The platform team",
        ),
    ),
    (
        {"team": {"environments": 8}},
        Finding(
            "team.quota_low",
            "warn",
            "team.environments",
            8,
            "After this one, the team payments has 1 environment left of 10.",
            "Destroy what is no longer needed, or ask the platform team to raise the limit in time.",
            "The platform team",
        ),
    ),
    (
        {"kind": "resume", "environment": {"tier": "stage"}, "driver": {"isolated": False}},
        Finding(
            "driver.isolation",
            "block",
            "driver.isolated",
            False,
            "The driver sandbox does not isolate workloads on this machine, so it may not run the tier stage.",
            "Choose another tier, or a template with a driver that isolates workloads.",
            "The platform team",
        ),
    ),
    (
        {"kind": "update", "environment": {"tier": "prod"}, "plan": PLAN},
        Finding(
            "plan.removal",
            "warn",
            "plan.changes",
            ["database.main"],
            "The plan removes or replaces 1 of 1 resources: database.main.",
            "Look at these resources in the plan before you sign; their data may be lost.",
            "The owners of the team payments",
        ),
    ),
]


@pytest.mark.parametrize(("changes", "finding"), CASES, ids=lambda value: getattr(value, "rule", ""))
def test_f5_a_rule_says_which_field_why_what_to_do_and_who_can_help(changes, finding):
    ruling = judge("request", facts(**changes), now=NOW)
    assert ruling.findings == (finding,)
    assert ruling.allowed is (finding.severity == "warn")
    assert ruling.passed == tuple(rule for rule in RULES if rule != finding.rule)


@pytest.mark.parametrize("point", ["request", "plan", "claim"])
def test_a_request_without_fault_passes_every_rule_at_every_point(point):
    ruling = judge(point, facts(), now=NOW)
    assert (ruling.allowed, ruling.findings, ruling.passed) == (True, (), RULES)


@pytest.mark.parametrize("kind", ["suspend", "destroy"])
def test_no_rule_stands_in_the_way_of_a_suspend_or_a_destroy(kind):
    ruling = judge(
        "request",
        facts(
            kind=kind,
            environment={
                "name": "Bad_",
                "tier": "prod",
                "owner": None,
                "cost_centre": None,
                "ttl_hours": 9999,
            },
            team={"environments": 99},
            template={"tiers": []},
            driver={"isolated": False},
            signatures={"required": 0, "required_owning_team": 0},
        ),
        now=NOW,
    )
    assert (ruling.allowed, ruling.findings) == (True, ())


def test_findings_that_block_come_before_warnings():
    ruling = judge("request", facts(team={"environments": 9}, environment={"owner": None}), now=NOW)
    assert [(f.severity, f.rule) for f in ruling.findings] == [
        ("block", "env.owner"),
        ("warn", "team.quota_low"),
    ]
    assert ruling.allowed is False
