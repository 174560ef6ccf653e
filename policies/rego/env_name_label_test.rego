package tests.env_name_label

import data.berth.env_name_label as rule
import data.fixtures

test_a_plain_label_passes if {
	facts := fixtures.base
	found := rule.findings with input as facts
	count(found) == 0
}

test_the_longest_label_passes if {
	facts := fixtures.but({"environment": {"name": concat("", [c | some i in numbers.range(1, 63); c := substring("a", i - i, 1)])}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_one_character_more_is_refused if {
	facts := fixtures.but({"environment": {"name": concat("", [c | some i in numbers.range(1, 64); c := substring("a", i - i, 1)])}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.message == "The name is 64 characters long; 63 is the most that a host name allows."
}

test_capitals_are_refused if {
	facts := fixtures.but({"environment": {"name": "Payments"}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "environment.name"
	finding.value == "Payments"
	finding.message == "The name Payments has capital letters."
	finding.fix == "Use 1 to 63 lower-case letters, digits and hyphens; begin with a letter, end with a letter or a digit."
	finding.who == "You, the requester"
}

test_an_empty_name_is_refused if {
	facts := fixtures.but({"environment": {"name": ""}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.message == "The environment has no name."
}

test_a_hyphen_at_the_end_is_refused if {
	facts := fixtures.but({"environment": {"name": "payments-"}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.message == "The name payments- begins or ends with a hyphen."
}

test_a_digit_at_the_start_is_refused if {
	facts := fixtures.but({"environment": {"name": "2pay"}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.message == "The name 2pay begins with a digit."
}

test_an_underscore_is_refused if {
	facts := fixtures.but({"environment": {"name": "pay_dev"}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.message == "The name pay_dev has characters that a host name cannot have."
}

test_an_older_name_does_not_stop_a_destroy if {
	facts := fixtures.but({"kind": "destroy", "environment": {"name": "Pay_Dev"}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_digit_at_the_beginning_is_refused if {
	facts := fixtures.but({"environment": {"name": "1api"}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.message == "The name 1api begins with a digit."
}
