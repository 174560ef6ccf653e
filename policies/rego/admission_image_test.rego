package tests.admission_image

import data.admission_fixtures as fixtures
import data.berth.admission_image as rule

test_an_allowed_registry_passes if {
	found := rule.findings with input as fixtures.base
	count(found) == 0
}

test_a_cluster_without_a_list_allows_every_registry if {
	facts := object.union(fixtures.with_container({"image": "elsewhere.test/web:1"}), {"admission": {"target": {"registries": []}}})
	found := rule.findings with input as facts
	count(found) == 0
}

test_another_registry_is_refused if {
	found := rule.findings with input as fixtures.with_container({"image": "elsewhere.test/web:1"})
	count(found) == 1
	some finding in found
	finding.field == "containers.web.image"
	finding.value == "elsewhere.test/web:1"
	finding.message == "The image elsewhere.test/web:1 of the container web is not from a registry that eu-1 allows."
	finding.fix == "Use an image from registry.example.test."
	finding.who == "The platform team"
}

test_a_name_that_only_begins_like_the_registry_is_refused if {
	found := rule.findings with input as fixtures.with_container({"image": "registry.example.test.evil/web:1"})
	count(found) == 1
}

test_an_image_without_a_registry_is_refused if {
	found := rule.findings with input as fixtures.with_container({"image": "web:1"})
	count(found) == 1
}

test_a_request_for_an_environment_is_not_looked_at if {
	found := rule.findings with input as object.union(fixtures.with_container({"image": "web:1"}), {"kind": "create"})
	count(found) == 0
}
