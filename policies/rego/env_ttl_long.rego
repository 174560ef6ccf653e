package berth.env_ttl_long

import data.phrase
import data.tiers

meta := {
	"id": "env.ttl_long",
	"severity": "warn",
	"title": "Sandboxes and previews seldom live longer than 14 days",
	"waiver": "Nobody needs to: this is a warning",
}

findings contains {
	"field": "environment.ttl_hours",
	"value": input.environment.ttl_hours,
	"message": sprintf(
		"%s is long for the tier %s; most are done within 14 days.",
		[phrase.duration(input.environment.ttl_hours), input.environment.tier],
	),
	"fix": "Shorten the time to live, or suspend the environment while it is not used.",
	"who": "You, the requester",
} if {
	input.kind in {"create", "update"}
	input.environment.tier in tiers.short_lived
	is_number(input.environment.ttl_hours)
	input.environment.ttl_hours > 14 * 24
	input.environment.ttl_hours <= 30 * 24
}
