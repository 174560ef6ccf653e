package berth.plan_removal

import data.phrase
import data.tiers

meta := {
	"id": "plan.removal",
	"severity": "warn",
	"title": "Signers see when a change removes something from stage or prod",
	"waiver": "Nobody needs to: this is a warning",
}

findings contains {
	"field": "plan.changes",
	"value": removed,
	"message": sprintf("The plan removes or replaces %d of %d resources: %s.", [count(removed), count(input.plan.changes), shown]),
	"fix": "Look at these resources in the plan before you sign; their data may be lost.",
	"who": sprintf("The owners of the team %s", [input.service.team]),
} if {
	input.environment.tier in tiers.prod_like
	input.kind in {"update", "deploy", "promote", "rollback"}
	count(removed) > 0
}

removed := sort([change.address |
	some change in input.plan.changes
	change.action in {"delete", "destroy", "replace"}
])

shown := phrase.list(removed) if {
	count(removed) <= 5
} else := sprintf("%s and %d more", [phrase.list(array.slice(removed, 0, 5)), count(removed) - 5])
