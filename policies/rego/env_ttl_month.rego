package berth.env_ttl_month

import data.phrase
import data.tiers

meta := {
	"id": "env.ttl_month",
	"severity": "soft",
	"title": "A sandbox or preview that lives longer than 30 days has a second opinion",
	"waiver": "The owners of the team",
}

findings contains {
	"field": "environment.ttl_hours",
	"value": input.environment.ttl_hours,
	"message": sprintf(
		"%s is longer than the 30 days that the tier %s is meant for.",
		[phrase.duration(input.environment.ttl_hours), input.environment.tier],
	),
	"fix": "Ask for 30 days or less, or for the tier dev.",
	"who": sprintf("An owner of the team %s", [input.team.slug]),
} if {
	input.kind in {"create", "update"}
	input.environment.tier in tiers.short_lived
	is_number(input.environment.ttl_hours)
	input.environment.ttl_hours > 30 * 24
}
