package tests.env_owner

import data.berth.env_owner as rule
import data.fixtures

test_an_owner_passes if {
	facts := fixtures.base
	found := rule.findings with input as facts
	count(found) == 0
}

test_no_owner_is_refused if {
	facts := fixtures.but({"environment": {"owner": null}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "environment.owner"
	finding.value == null
	finding.message == "The environment has no owner."
	finding.fix == "Name a member of the team payments."
	finding.who == "An owner of the team payments"
}

test_an_empty_owner_is_refused if {
	facts := fixtures.but({"kind": "update", "environment": {"owner": ""}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.value == ""
}

test_a_destroy_is_not_held_up if {
	facts := fixtures.but({"kind": "destroy", "environment": {"owner": null}})
	found := rule.findings with input as facts
	count(found) == 0
}
