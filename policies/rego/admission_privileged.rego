package berth.admission_privileged

meta := {
	"id": "admission.privileged",
	"severity": "block",
	"title": "No pod takes the rights of its node",
	"waiver": "The platform team",
}

findings contains {
	"field": sprintf("containers.%s.securityContext.privileged", [container.name]),
	"value": true,
	"message": sprintf("The container %s is privileged: it could do on its node whatever root can.", [container.name]),
	"fix": "Leave out securityContext.privileged; name the capabilities that it needs instead.",
	"who": "The platform team",
} if {
	input.kind == "admit"
	some container in input.admission.object.containers
	container.privileged
}

findings contains {
	"field": name,
	"value": true,
	"message": sprintf("The pod shares its node's namespace: %s is true.", [name]),
	"fix": sprintf("Leave out %s.", [name]),
	"who": "The platform team",
} if {
	input.kind == "admit"
	some name in input.admission.object.shares
}
