package tests.ruling

import data.fixtures
import data.ruling

test_facts_without_fault_give_no_finding if {
	result := ruling.result with input as fixtures.base
	count(result.findings) == 0
	count(result.rules) >= 18
}

test_a_finding_carries_its_rules_id_and_severity if {
	facts := fixtures.but({"environment": {"owner": null}})
	result := ruling.result with input as facts
	count(result.findings) == 1
	some finding in result.findings
	finding.rule == "env.owner"
	finding.severity == "block"
}

faulty(kind) := fixtures.but({
	"kind": kind,
	"environment": {"name": "Admin_", "tier": "prod", "owner": null, "cost_centre": null, "ttl_hours": 9999},
	"team": {"environments": 99},
	"template": {"tiers": []},
	"driver": {"isolated": false},
	"signatures": {"required": 0, "required_owning_team": 0},
})

test_a_create_with_every_fault_is_refused_by_every_rule_it_breaks if {
	facts := faulty("create")
	result := ruling.result with input as facts
	expected := {
		"driver.isolation",
		"env.cost_centre",
		"env.name_label",
		"env.owner",
		"env.tier_template",
		"env.ttl_maximum",
		"prod.signatures",
		"team.environment_limit",
	}
	count(expected - {finding.rule | some finding in result.findings}) == 0
}

# Rules from elsewhere may warn of the ways out, but never stop them.
blocking(result) := {finding.rule | some finding in result.findings; finding.severity != "warn"}

test_nothing_stops_a_destroy if {
	facts := faulty("destroy")
	result := ruling.result with input as facts
	blocking(result) == set()
}

test_nothing_stops_a_suspend if {
	facts := faulty("suspend")
	result := ruling.result with input as facts
	blocking(result) == set()
}
