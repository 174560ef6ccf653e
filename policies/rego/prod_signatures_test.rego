package tests.prod_signatures

import data.berth.prod_signatures as rule
import data.fixtures

test_two_with_one_of_the_owning_team_pass if {
	facts := fixtures.but({"kind": "deploy", "environment": {"tier": "prod"}, "signatures": {"required": 2, "required_owning_team": 1}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_one_signature_is_too_few if {
	facts := fixtures.but({"kind": "deploy", "environment": {"tier": "prod"}, "signatures": {"required": 1, "required_owning_team": 1}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "signatures.required"
	finding.value == 1
	finding.message == "A change of prod needs at least 2 signatures; the approval rules ask for 1."
	finding.fix == "Raise the number of signatures in the approval rule for prod to 2 or more."
	finding.who == "The platform team and the owners of the team payments"
}

test_the_owning_team_must_sign if {
	facts := fixtures.but({"kind": "promote", "environment": {"tier": "prod"}, "signatures": {"required": 2, "required_owning_team": 0}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "signatures.required_owning_team"
	finding.value == 0
	finding.message == "The approval rules let prod change without a signature from the team payments, which owns the service."
	finding.fix == "Let the approval rule for prod ask for 1 signature from the team payments."
}

test_both_are_said_at_once if {
	facts := fixtures.but({"kind": "create", "environment": {"tier": "prod"}, "signatures": {"required": 0, "required_owning_team": 0}})
	found := rule.findings with input as facts
	count(found) == 2
}

test_stage_needs_fewer if {
	facts := fixtures.but({"kind": "deploy", "environment": {"tier": "stage"}, "signatures": {"required": 1, "required_owning_team": 0}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_rollback_is_not_held_up if {
	facts := fixtures.but({"kind": "rollback", "environment": {"tier": "prod"}, "signatures": {"required": 0, "required_owning_team": 0}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_destroy_is_not_held_up if {
	facts := fixtures.but({"kind": "destroy", "environment": {"tier": "prod"}, "signatures": {"required": 0, "required_owning_team": 0}})
	found := rule.findings with input as facts
	count(found) == 0
}
