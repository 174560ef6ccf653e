package tests.env_ttl_required

import data.berth.env_ttl_required as rule
import data.fixtures

test_a_ttl_passes if {
	facts := fixtures.base
	found := rule.findings with input as facts
	count(found) == 0
}

test_no_ttl_is_refused if {
	facts := fixtures.but({"environment": {"ttl_hours": null}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "environment.ttl_hours"
	finding.value == null
	finding.message == "An environment of the tier dev needs a time to live."
	finding.fix == "Say after how many hours it may be removed. You can extend it later."
}

test_zero_is_no_ttl if {
	facts := fixtures.but({"environment": {"ttl_hours": 0}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.value == 0
}

test_taking_the_ttl_away_later_is_refused if {
	facts := fixtures.but({"kind": "update", "environment": {"ttl_hours": null}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.value == null
}

test_an_unknown_tier_must_expire_too if {
	facts := fixtures.but({"environment": {"tier": "lab", "ttl_hours": null}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.message == "An environment of the tier lab needs a time to live."
}

test_prod_lives_without if {
	facts := fixtures.but({"environment": {"tier": "prod", "ttl_hours": null}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_stage_lives_without if {
	facts := fixtures.but({"environment": {"tier": "stage", "ttl_hours": null}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_suspend_is_not_held_up if {
	facts := fixtures.but({"kind": "suspend", "environment": {"ttl_hours": null}})
	found := rule.findings with input as facts
	count(found) == 0
}
