package tests.team_quota_low

import data.berth.team_quota_low as rule
import data.fixtures

test_two_left_pass if {
	facts := fixtures.but({"kind": "create", "team": {"environments": 7, "environment_limit": 10}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_one_left_is_warned_about if {
	facts := fixtures.but({"kind": "create", "team": {"environments": 8, "environment_limit": 10}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "team.environments"
	finding.value == 8
	finding.message == "After this one, the team payments has 1 environment left of 10."
	finding.fix == "Destroy what is no longer needed, or ask the platform team to raise the limit in time."
	finding.who == "The platform team"
}

test_the_last_one_is_warned_about if {
	facts := fixtures.but({"kind": "create", "team": {"environments": 9, "environment_limit": 10}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.message == "After this one, the team payments has no environment left of 10."
}

test_a_full_team_is_the_limits_business if {
	facts := fixtures.but({"kind": "create", "team": {"environments": 10, "environment_limit": 10}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_no_limit_passes if {
	facts := fixtures.but({"kind": "create", "team": {"environments": 500, "environment_limit": null}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_an_update_does_not_count if {
	facts := fixtures.but({"kind": "update", "team": {"environments": 9, "environment_limit": 10}})
	found := rule.findings with input as facts
	count(found) == 0
}
