package berth.env_cost_centre

meta := {
	"id": "env.cost_centre",
	"severity": "block",
	"title": "Every environment has a cost centre",
	"waiver": "The platform team",
}

findings contains {
	"field": "environment.cost_centre",
	"value": input.environment.cost_centre,
	"message": "The environment has no cost centre.",
	"fix": advice,
	"who": sprintf("An owner of the team %s", [input.team.slug]),
} if {
	input.kind in {"create", "update"}
	input.environment.cost_centre in {null, ""}
}

advice := sprintf("The team %s has no cost centre either: enter one for the team or here.", [input.team.slug]) if {
	input.team.cost_centre in {null, ""}
} else := sprintf("Enter one, for example %s of the team %s.", [input.team.cost_centre, input.team.slug])
