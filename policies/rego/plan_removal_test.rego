package tests.plan_removal

import data.berth.plan_removal as rule
import data.fixtures

test_no_plan_passes if {
	facts := fixtures.but({"kind": "deploy", "environment": {"tier": "prod"}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_plan_that_only_adds_passes if {
	facts := fixtures.but({"kind": "deploy", "environment": {"tier": "prod"}, "plan": {"changes": [{"address": "cache.main", "action": "create"}]}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_removals_are_named_in_order if {
	facts := fixtures.but({"kind": "deploy", "environment": {"tier": "prod"}, "plan": {"changes": [{"address": "database.main", "action": "replace"}, {"address": "cache.main", "action": "destroy"}, {"address": "route.main", "action": "update"}]}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.field == "plan.changes"
	finding.value == ["cache.main", "database.main"]
	finding.message == "The plan removes or replaces 2 of 3 resources: cache.main, database.main."
	finding.fix == "Look at these resources in the plan before you sign; their data may be lost."
	finding.who == "The owners of the team payments"
}

test_many_removals_are_cut_short if {
	facts := fixtures.but({"kind": "update", "environment": {"tier": "stage"}, "plan": {"changes": [{"address": sprintf("job.%d", [i]), "action": "delete"} | some i in numbers.range(1, 7)]}})
	found := rule.findings with input as facts
	count(found) == 1
	some finding in found
	finding.message == "The plan removes or replaces 7 of 7 resources: job.1, job.2, job.3, job.4, job.5 and 2 more."
}

test_sandboxes_are_not_commented_on if {
	facts := fixtures.but({"kind": "deploy", "environment": {"tier": "sandbox"}, "plan": {"changes": [{"address": "database.main", "action": "replace"}, {"address": "cache.main", "action": "destroy"}, {"address": "route.main", "action": "update"}]}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_a_destroy_is_not_commented_on if {
	facts := fixtures.but({"kind": "destroy", "environment": {"tier": "prod"}, "plan": {"changes": [{"address": "database.main", "action": "replace"}, {"address": "cache.main", "action": "destroy"}, {"address": "route.main", "action": "update"}]}})
	found := rule.findings with input as facts
	count(found) == 0
}
