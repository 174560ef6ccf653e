package tests.admission_label

import data.admission_fixtures as fixtures
import data.berth.admission_label as rule

test_no_label_passes if {
	found := rule.findings with input as fixtures.base
	count(found) == 0
}

test_the_own_label_passes if {
	found := rule.findings with input as fixtures.pod({"label": "0190e7c2-0000"})
	count(found) == 0
}

test_a_label_that_stays_passes if {
	found := rule.findings with input as fixtures.pod({"operation": "UPDATE", "label": "other", "label_before": "other"})
	count(found) == 0
}

test_a_changed_label_is_refused if {
	found := rule.findings with input as fixtures.pod({"operation": "UPDATE", "label": "other", "label_before": "0190e7c2-0000"})
	count(found) == 1
	some finding in found
	finding.field == "metadata.labels.berth/environment"
	finding.message == "The label berth/environment may not be changed: it says that Pod web-1 belongs to payments-prod."
	finding.fix == "Set it to 0190e7c2-0000 again."
	finding.who == "The owners of the team payments"
}

test_a_removed_label_is_refused if {
	found := rule.findings with input as fixtures.pod({"operation": "UPDATE", "label": null, "label_before": "0190e7c2-0000"})
	count(found) == 1
}

test_a_new_object_of_another_environment_is_refused if {
	found := rule.findings with input as fixtures.pod({"label": "other"})
	count(found) == 1
	some finding in found
	finding.message == "Pod web-1 is labelled as another environment's; its namespace belongs to payments-prod."
	finding.fix == "Leave the label out, or set it to 0190e7c2-0000."
	finding.who == "The owners of the team payments"
}
