package tests.env_ttl_long

import data.berth.env_ttl_long as rule
import data.fixtures

test_fourteen_days_pass_in_a_preview if {
	facts := fixtures.but({"kind": "create", "environment": {"ttl_hours": 336, "tier": "preview"}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_more_is_warned_about_in_a_preview if {
	facts := fixtures.but({"kind": "create", "environment": {"ttl_hours": 360, "tier": "preview"}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "environment.ttl_hours"
	finding.value == 360
	finding.message == "15 days is long for the tier preview; most are done within 14 days."
	finding.fix == "Shorten the time to live, or suspend the environment while it is not used."
}

test_more_is_warned_about_in_a_sandbox if {
	facts := fixtures.but({"kind": "update", "environment": {"ttl_hours": 337, "tier": "sandbox"}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.message == "337 hours is long for the tier sandbox; most are done within 14 days."
}

test_dev_may_live_longer if {
	facts := fixtures.but({"kind": "create", "environment": {"ttl_hours": 360, "tier": "dev"}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_resume_is_not_commented_on if {
	facts := fixtures.but({"kind": "resume", "environment": {"ttl_hours": 360, "tier": "preview"}})
	found := rule.findings with input as facts
	count(found) == 0
}
