package tests.admission_privileged

import data.admission_fixtures as fixtures
import data.berth.admission_privileged as rule

test_an_ordinary_pod_passes if {
	found := rule.findings with input as fixtures.base
	count(found) == 0
}

test_a_privileged_container_is_refused if {
	found := rule.findings with input as fixtures.with_container({"privileged": true})
	count(found) == 1
	some finding in found
	finding.field == "containers.web.securityContext.privileged"
	finding.message == "The container web is privileged: it could do on its node whatever root can."
	finding.fix == "Leave out securityContext.privileged; name the capabilities that it needs instead."
	finding.who == "The platform team"
}

test_each_shared_namespace_of_the_node_is_refused if {
	found := rule.findings with input as fixtures.pod({"shares": ["hostNetwork", "hostPID"]})
	{finding.field | some finding in found} == {"hostNetwork", "hostPID"}
	some finding in found
	finding.message == "The pod shares its node's namespace: hostPID is true."
	finding.fix == "Leave out hostPID."
}
