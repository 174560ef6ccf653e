package berth.team_environment_limit

meta := {
	"id": "team.environment_limit",
	"severity": "block",
	"title": "A team stays within its number of environments",
	"waiver": "The platform team",
}

findings contains {
	"field": "team.environments",
	"value": input.team.environments,
	"message": sprintf(
		"The team %s has %d environments; its limit is %d.",
		[input.team.slug, input.team.environments, input.team.environment_limit],
	),
	"fix": sprintf("Destroy an environment that %s no longer needs, or ask the platform team to raise the limit.", [input.team.slug]),
	"who": "The platform team",
} if {
	input.kind == "create"
	is_number(input.team.environment_limit)
	input.team.environments >= input.team.environment_limit
}
