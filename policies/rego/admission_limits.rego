package berth.admission_limits

import data.phrase
import data.tiers

meta := {
	"id": "admission.limits",
	"severity": "block",
	"title": "Every container in stage and prod says how much it may use",
	"waiver": "The platform team",
}

findings contains {
	"field": sprintf("containers.%s.resources.limits", [container.name]),
	"value": missing,
	"message": sprintf("The container %s has no limit of %s, and %s is %s.", [container.name, phrase.list(missing), input.admission.environment.name, input.admission.environment.tier]),
	"fix": "Set resources.limits on the container, or a default in the namespace's LimitRange.",
	"who": sprintf("The owners of the team %s", [input.admission.team]),
} if {
	input.kind == "admit"
	input.admission.object.kind == "Pod"
	input.admission.environment.tier in tiers.prod_like
	some container in input.admission.object.containers
	missing := sort([name | some name in ["cpu", "memory"]; not name in container.limits])
	count(missing) > 0
}
