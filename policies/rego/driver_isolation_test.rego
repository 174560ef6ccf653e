package tests.driver_isolation

import data.berth.driver_isolation as rule
import data.fixtures

test_an_isolating_driver_may_run_prod if {
	facts := fixtures.but({"kind": "create", "environment": {"tier": "prod"}, "driver": {"isolated": true}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_prod_without_isolation_is_refused if {
	facts := fixtures.but({"kind": "create", "environment": {"tier": "prod"}, "driver": {"isolated": false}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "driver.isolated"
	finding.value == false
	finding.message == "The driver sandbox does not isolate workloads on this machine, so it may not run the tier prod."
	finding.fix == "Choose another tier, or a template with a driver that isolates workloads."
	finding.who == "The platform team"
}

test_stage_without_isolation_is_refused if {
	facts := fixtures.but({"kind": "deploy", "environment": {"tier": "stage"}, "driver": {"isolated": false}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "driver.isolated"
}

test_a_preview_needs_none if {
	facts := fixtures.but({"kind": "create", "environment": {"tier": "preview"}, "driver": {"isolated": false}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_destroy_is_not_held_up if {
	facts := fixtures.but({"kind": "destroy", "environment": {"tier": "prod"}, "driver": {"isolated": false}})
	found := rule.findings with input as facts
	count(found) == 0
}
