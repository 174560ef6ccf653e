package tests.admission_limits

import data.admission_fixtures as fixtures
import data.berth.admission_limits as rule

test_a_pod_with_limits_passes if {
	found := rule.findings with input as fixtures.base
	count(found) == 0
}

test_a_pod_without_a_limit_is_refused if {
	found := rule.findings with input as fixtures.with_container({"limits": ["cpu"]})
	count(found) == 1
	some finding in found
	finding.field == "containers.web.resources.limits"
	finding.value == ["memory"]
	finding.message == "The container web has no limit of memory, and payments-prod is prod."
	finding.fix == "Set resources.limits on the container, or a default in the namespace's LimitRange."
	finding.who == "The owners of the team payments"
}

test_dev_needs_no_limits if {
	facts := object.union(fixtures.with_container({"limits": []}), {"admission": {"environment": {"tier": "dev"}}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_template_of_pods_is_judged_by_its_pods if {
	facts := object.union(fixtures.with_container({"limits": []}), {"admission": {"object": {"kind": "Deployment"}}})
	found := rule.findings with input as facts
	count(found) == 0
}
