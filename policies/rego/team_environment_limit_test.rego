package tests.team_environment_limit

import data.berth.team_environment_limit as rule
import data.fixtures

test_the_last_one_within_the_limit_passes if {
	facts := fixtures.but({"kind": "create", "team": {"environments": 9, "environment_limit": 10}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_one_more_is_refused if {
	facts := fixtures.but({"kind": "create", "team": {"environments": 10, "environment_limit": 10}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "team.environments"
	finding.value == 10
	finding.message == "The team payments has 10 environments; its limit is 10."
	finding.fix == "Destroy an environment that payments no longer needs, or ask the platform team to raise the limit."
	finding.who == "The platform team"
}

test_no_limit_passes if {
	facts := fixtures.but({"kind": "create", "team": {"environments": 500, "environment_limit": null}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_an_update_does_not_count if {
	facts := fixtures.but({"kind": "update", "team": {"environments": 11, "environment_limit": 10}})
	found := rule.findings with input as facts
	count(found) == 0
}
