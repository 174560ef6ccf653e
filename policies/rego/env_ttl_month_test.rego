package tests.env_ttl_month

import data.berth.env_ttl_long as long
import data.berth.env_ttl_month as rule
import data.fixtures

test_thirty_days_are_only_warned_about if {
	facts := fixtures.but({"kind": "create", "environment": {"ttl_hours": 720, "tier": "preview"}})
	found := rule.findings with input as facts
	warned := long.findings with input as facts
	count(found) == 0
	count(warned) == 1
}

test_more_needs_a_second_opinion_in_a_preview if {
	facts := fixtures.but({"kind": "create", "environment": {"ttl_hours": 744, "tier": "preview"}})
	found := rule.findings with input as facts
	warned := long.findings with input as facts
	count(found) == 1
	count(warned) == 0
	some finding in found
	finding.field == "environment.ttl_hours"
	finding.value == 744
	finding.message == "31 days is longer than the 30 days that the tier preview is meant for."
	finding.fix == "Ask for 30 days or less, or for the tier dev."
	finding.who == sprintf("An owner of the team %s", [facts.team.slug])
}

test_more_needs_a_second_opinion_in_a_sandbox if {
	facts := fixtures.but({"kind": "update", "environment": {"ttl_hours": 721, "tier": "sandbox"}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.message == "721 hours is longer than the 30 days that the tier sandbox is meant for."
}

test_dev_may_live_longer if {
	facts := fixtures.but({"kind": "create", "environment": {"ttl_hours": 744, "tier": "dev"}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_resume_needs_no_second_opinion if {
	facts := fixtures.but({"kind": "resume", "environment": {"ttl_hours": 744, "tier": "preview"}})
	found := rule.findings with input as facts
	count(found) == 0
}
