package tests.env_cost_centre

import data.berth.env_cost_centre as rule
import data.fixtures

test_a_cost_centre_passes if {
	facts := fixtures.base
	found := rule.findings with input as facts
	count(found) == 0
}

test_none_is_refused_with_the_teams_as_example if {
	facts := fixtures.but({"environment": {"cost_centre": null}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "environment.cost_centre"
	finding.value == null
	finding.message == "The environment has no cost centre."
	finding.fix == "Enter one, for example CC-4100 of the team payments."
	finding.who == "An owner of the team payments"
}

test_a_team_without_one_is_told_so if {
	facts := fixtures.but({"kind": "update", "environment": {"cost_centre": ""}, "team": {"cost_centre": null}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.value == ""
	finding.fix == "The team payments has no cost centre either: enter one for the team or here."
}

test_a_destroy_is_not_held_up if {
	facts := fixtures.but({"kind": "destroy", "environment": {"cost_centre": null}})
	found := rule.findings with input as facts
	count(found) == 0
}
