package berth.team_quota_low

meta := {
	"id": "team.quota_low",
	"severity": "warn",
	"title": "A team learns in time that its environments run out",
	"waiver": "Nobody needs to: this is a warning",
}

left := (input.team.environment_limit - input.team.environments) - 1 if is_number(input.team.environment_limit)

findings contains {
	"field": "team.environments",
	"value": input.team.environments,
	"message": sprintf("After this one, the team %s has %s left of %d.", [input.team.slug, rest, input.team.environment_limit]),
	"fix": "Destroy what is no longer needed, or ask the platform team to raise the limit in time.",
	"who": "The platform team",
} if {
	input.kind == "create"
	left in {0, 1}
}

rest := "no environment" if {
	left == 0
} else := "1 environment"
