"""The second opinion: Open Policy Agent itself must agree with the engine on the shipped bundle."""

import itertools

import pytest

from policies.bundle import activate
from policies.bundles.placed import placed
from policies.engine import SHIPPED, judge
from policies.pool import ask_once
from tests.policies.policy_facts import NOW, facts
from tests.policies.test_engine_rules import CASES

opa_bindings = pytest.importorskip(
    "opa_bindings", reason="opa-golib-python-bindings asks for Python 3.14 and is not installed"
)

KINDS = ("create", "update", "suspend", "resume", "destroy", "deploy", "promote", "rollback")
TIERS = ("sandbox", "preview", "dev", "stage", "prod", "lab")
CHANGES = [{"address": f"job.{i}", "action": "delete" if i % 2 else "replace"} for i in range(7)]
VARIANTS = (
    {},
    {"environment": {"name": "Admin", "ttl_hours": None}, "team": {"environments": 9}},
    {"environment": {"ttl_hours": 9999, "owner": ""}, "plan": {"changes": CHANGES}},
    {"environment": {"cost_centre": None}, "team": {"cost_centre": None, "environments": 12}},
    {"driver": {"isolated": False}, "signatures": {"required": 0, "required_owning_team": 0}},
    {"template": {"tiers": [], "ttl_max_hours": 1}, "team": {"environment_limit": None}},
)


@pytest.fixture(scope="module")
def opa():
    with opa_bindings.OpaEngine() as engine:
        for path in sorted(SHIPPED.glob("*.rego")):
            engine.add_policy(path.name, path.read_text())
        yield engine


def agree(opa, made):
    ruling = judge("request", made, now=NOW)
    theirs = opa.eval_document("ruling.result", made | {"point": "request", "now": NOW.isoformat()})
    names = ("rule", "severity", "field", "value", "message", "fix", "who")
    ours = [{name: getattr(finding, name) for name in names} for finding in ruling.findings]
    assert sorted(ours, key=str) == sorted(({n: f[n] for n in names} for f in theirs["findings"]), key=str)
    assert set(ruling.passed) == set(theirs["rules"]) - {finding.rule for finding in ruling.findings}


def test_it_agrees_with_every_test_of_the_bundle(opa):
    for test in activate(SHIPPED).tests:
        assert opa.eval_document(test.removeprefix("data."), {}) is True, test


def test_it_agrees_with_every_rules_finding(opa):
    for changes, _ in CASES:
        agree(opa, facts(**changes))


@pytest.mark.parametrize("kind", KINDS)
def test_it_agrees_on_every_kind_in_every_tier_with_many_faults(opa, kind):
    for tier, variant in itertools.product(TIERS, VARIANTS):
        changes = variant | {"environment": variant.get("environment", {}) | {"tier": tier}}
        agree(opa, facts(kind=kind, **changes))


def test_it_gives_the_same_of_a_bundle_below_a_prefix():
    """As bundles lie in an OPA server (`policies/opa_server.py`), two of them side by side."""
    made = activate(SHIPPED)
    modules = ask_once({"task": "parse", "files": made.files})
    asked = facts(environment={"owner": None}) | {"point": "request", "now": NOW.isoformat()}
    with opa_bindings.OpaEngine() as engine:
        for prefix in ("berth_one", "berth_two"):
            for name, text in placed(made.files, modules, prefix):
                engine.add_policy(f"{prefix}/{name}", text)
        found = engine.eval_document("berth_two.ruling.result", asked)
    assert [finding["rule"] for finding in found["findings"]] == ["env.owner"]
    assert len(found["rules"]) == len(made.rules)
