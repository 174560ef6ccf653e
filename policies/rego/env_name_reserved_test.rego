package tests.env_name_reserved

import data.berth.env_name_reserved as rule
import data.fixtures

test_an_ordinary_name_passes if {
	facts := fixtures.base
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_name_that_contains_a_reserved_one_passes if {
	facts := fixtures.but({"environment": {"name": "payments-admin"}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_reserved_name_is_refused if {
	facts := fixtures.but({"environment": {"name": "admin"}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "environment.name"
	finding.value == "admin"
	finding.message == "The name admin is reserved."
	finding.fix == "Choose another name, for example payments-dev."
}

test_it_matters_at_creation_only if {
	facts := fixtures.but({"kind": "update", "environment": {"name": "admin"}})
	found := rule.findings with input as facts
	count(found) == 0
}
