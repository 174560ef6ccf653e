package tests.env_ttl_maximum

import data.berth.env_ttl_maximum as rule
import data.fixtures

test_less_than_the_maximum_passes if {
	facts := fixtures.base
	found := rule.findings with input as facts
	count(found) == 0
}

test_exactly_the_maximum_passes if {
	facts := fixtures.but({"kind": "create", "environment": {"ttl_hours": 720}, "template": {"ttl_max_hours": 720}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_an_hour_more_is_refused if {
	facts := fixtures.but({"kind": "create", "environment": {"ttl_hours": 721}, "template": {"ttl_max_hours": 720}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "environment.ttl_hours"
	finding.value == 721
	finding.message == "The time to live of 721 hours is longer than the 30 days that the template web-app allows for the tier dev."
	finding.fix == "Ask for 30 days or less."
	finding.who == "The owner of the template"
}

test_one_hour_is_said_in_the_singular if {
	facts := fixtures.but({"kind": "update", "environment": {"ttl_hours": 2}, "template": {"ttl_max_hours": 1}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.fix == "Ask for 1 hour or less."
}

test_a_template_without_a_maximum_passes if {
	facts := fixtures.but({"kind": "create", "environment": {"ttl_hours": 9999}, "template": {"ttl_max_hours": null}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_no_ttl_is_another_rules_business if {
	facts := fixtures.but({"kind": "create", "environment": {"ttl_hours": null}, "template": {"ttl_max_hours": 720}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_deploy_is_not_held_up if {
	facts := fixtures.but({"kind": "deploy", "environment": {"ttl_hours": 721}, "template": {"ttl_max_hours": 720}})
	found := rule.findings with input as facts
	count(found) == 0
}
