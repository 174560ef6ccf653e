package berth.env_owner

meta := {
	"id": "env.owner",
	"severity": "block",
	"title": "Every environment has an owner",
	"waiver": "The platform team",
}

findings contains {
	"field": "environment.owner",
	"value": input.environment.owner,
	"message": "The environment has no owner.",
	"fix": sprintf("Name a member of the team %s.", [input.team.slug]),
	"who": sprintf("An owner of the team %s", [input.team.slug]),
} if {
	input.kind in {"create", "update"}
	input.environment.owner in {null, ""}
}
