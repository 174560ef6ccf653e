package berth.env_ttl_required

import data.tiers

meta := {
	"id": "env.ttl_required",
	"severity": "block",
	"title": "Environments outside stage and prod expire",
	"waiver": "The platform team",
}

findings contains {
	"field": "environment.ttl_hours",
	"value": input.environment.ttl_hours,
	"message": sprintf("An environment of the tier %s needs a time to live.", [input.environment.tier]),
	"fix": "Say after how many hours it may be removed. You can extend it later.",
	"who": "You, the requester",
} if {
	input.kind in {"create", "update"}
	not input.environment.tier in tiers.prod_like
	not has_ttl
}

has_ttl if {
	is_number(input.environment.ttl_hours)
	input.environment.ttl_hours > 0
}
