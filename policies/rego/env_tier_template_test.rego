package tests.env_tier_template

import data.berth.env_tier_template as rule
import data.fixtures

test_an_offered_tier_passes if {
	facts := fixtures.base
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_tier_outside_the_template_is_refused if {
	facts := fixtures.but({"template": {"tiers": ["sandbox", "preview"]}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "environment.tier"
	finding.value == "dev"
	finding.message == "The template web-app 1.2.0 is not offered for the tier dev."
	finding.fix == "Choose one of its tiers (sandbox, preview) or another template."
	finding.who == "The owner of the template"
}

test_a_template_without_tiers_says_none if {
	facts := fixtures.but({"kind": "promote", "template": {"tiers": []}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.fix == "Choose one of its tiers (none) or another template."
}

test_a_rollback_is_not_held_up if {
	facts := fixtures.but({"kind": "rollback", "template": {"tiers": []}})
	found := rule.findings with input as facts
	count(found) == 0
}
