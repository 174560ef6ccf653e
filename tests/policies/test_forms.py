"""Rules without code: what the form takes, the Rego it makes, and what that finds once it is in force."""

import pytest

from policies import bundle
from policies.bundles import forms, store
from policies.bundles.forms import Form
from policies.engine import SHIPPED
from policies.models import FormRule, PolicyBundle
from policies.results import Denied
from tests.policies.policy_facts import NOW, facts

REGION = Form("allowed", "Only in Europe", ("eu-1", "eu-2"), "region", tiers=("dev",))
CPU = Form("maximum", "At most eight cores", ("8",), "cpu", severity="warn")
DISK = Form("minimum", "Some space", ("2.5",), "disk", teams=("payments",), templates=("web-app",))
TAGS = Form("tags", "Everything has an owner", ("owner", "cost-centre"))
PLAN = {"changes": [{"address": "bucket.a", "action": "create", "before": None, "after": {"tags": {"owner": "mara"}}}]}
ALL = {"region": REGION, "cpu": CPU, "disk": DISK, "all-tags": TAGS}


@pytest.fixture(scope="module")
def checked():
    """One bundle with a rule of each kind, which must pass its own tests with every line reached."""
    files = [*bundle.read(SHIPPED), *(each for slug, form in ALL.items() for each in forms.files(slug, form))]
    found = bundle.check(tuple(files))
    assert isinstance(found, bundle.Bundle), found
    return found


@pytest.fixture
def engine(fresh_engine, checked):
    fresh_engine._install(checked)
    return fresh_engine


def found(engine, parameters=None, **changes):
    made = facts(environment={"parameters": parameters or {}, **changes.pop("environment", {})}, **changes)
    return [finding for finding in engine.judge("request", made, now=NOW).findings if finding.rule.startswith("form.")]


@pytest.mark.parametrize(
    ("parameters", "rule", "severity", "message"),
    [
        ({"region": "us-1"}, "form.region", "block", "The parameter region is us-1; it may be eu-1, eu-2."),
        ({"cpu": 9}, "form.cpu", "warn", "The parameter cpu is 9; at most 8 is allowed."),
        ({"disk": 2}, "form.disk", "block", "The parameter disk is 2; at least 2.5 is needed."),
    ],
)
def test_each_kind_finds_what_it_is_for_and_names_field_and_value(engine, parameters, rule, severity, message):
    [finding] = found(engine, parameters)
    [(name, value)] = parameters.items()
    assert (finding.rule, finding.severity, finding.message) == (rule, severity, message)
    assert (finding.field, finding.value) == (f"environment.parameters.{name}", value)


def test_tags_that_are_missing_are_named_with_their_resource(engine):
    [finding] = found(engine, plan=PLAN)
    assert (finding.rule, finding.message) == ("form.all-tags", "bucket.a has no cost-centre.")
    assert finding.field == "plan.changes.bucket.a.tags"


@pytest.mark.parametrize("parameters", [{"region": "eu-2"}, {"cpu": 8}, {"disk": 2.5}, {}, {"cpu": "many"}], ids=str)
def test_what_is_allowed_passes(engine, parameters):
    assert found(engine, parameters) == []


def test_a_rule_looks_at_its_tiers_and_teams_only(engine):
    assert found(engine, {"region": "us-1"}, environment={"tier": "stage"}) == []
    assert found(engine, {"disk": 1}, service={"team": "other"}) == []


@pytest.mark.parametrize(
    ("slug", "changes", "field"),
    [
        ("Bad Name", {}, "slug"),
        ("x", {"kind": "anything"}, "kind"),
        ("x", {"severity": "hint"}, "severity"),
        ("x", {"title": ""}, "title"),
        ("x", {"who": "Somebody"}, "who"),
        ("x", {"title": 'a "quoted" one'}, "title"),
        ("x", {"parameter": "a b"}, "parameter"),
        ("x", {"parameter": '"] == 1 } x'}, "parameter"),
        ("x", {"values": ()}, "values"),
        ("x", {"values": ('eu"', "b")}, "values"),
        ("x", {"values": ("a\nb",)}, "values"),
        ("x", {"tiers": ('dev"}',)}, "tiers"),
        ("x", {"kind": "maximum", "values": ("1e9",)}, "values"),
        ("x", {"kind": "maximum", "values": ("NaN",)}, "values"),
        ("x", {"kind": "maximum", "values": ("1", "2")}, "values"),
        ("x", {"kind": "tags", "values": ("a b",)}, "values"),
    ],
)
def test_a_form_that_says_nothing_sensible_is_refused_by_field(slug, changes, field):
    form = Form(**{**REGION.as_json(), **changes})
    assert [problem.field for problem in forms.problems(slug, form)] == [field]


def test_a_percent_sign_is_no_format(fresh_engine):
    form = Form("allowed", "Odd", ("100%", "%v"), "share")
    files = (*bundle.read(SHIPPED), *forms.files("odd", form))
    checked = bundle.check(files)
    assert isinstance(checked, bundle.Bundle), checked
    fresh_engine._install(checked)
    [finding] = found(fresh_engine, {"share": "no"})
    assert finding.message == "The parameter share is no; it may be 100%, %v."


@pytest.mark.django_db
def test_a_rule_that_was_filled_in_is_part_of_the_next_draft_and_of_nothing_else(demo, fresh_engine):
    store.ensure_shipped()
    made = forms.add(by=demo.pia, slug="region", form=REGION)
    assert isinstance(made, FormRule)
    draft = store.draft(by=demo.pia)
    assert isinstance(draft, PolicyBundle), draft
    assert "form.region" in {rule["id"] for rule in draft.rules}
    assert (draft.state, draft.source) == ("draft", "shipped, 1 from forms")
    assert found(fresh_engine, {"region": "us-1"}) == []
    store.activate(by=demo.pia, bundle=draft)
    assert [finding.rule for finding in found(fresh_engine, {"region": "us-1"})] == ["form.region"]
    assert forms.remove(by=demo.pia, rule=made).removed_at is not None
    assert store.draft(by=demo.pia).source == "shipped"


@pytest.mark.django_db
def test_a_name_is_taken_once_and_only_platform_engineers_add_rules(demo):
    assert isinstance(forms.add(by=demo.ines, slug="region", form=REGION), Denied)
    assert FormRule.objects.count() == 0
    assert forms.add(by=demo.pia, slug="region", form=REGION)
    assert forms.add(by=demo.pia, slug="region", form=REGION).reason == "region is taken."
