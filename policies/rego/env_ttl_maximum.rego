package berth.env_ttl_maximum

import data.phrase

meta := {
	"id": "env.ttl_maximum",
	"severity": "block",
	"title": "The time to live stays within the template's maximum for the tier",
	"waiver": "The platform team",
}

findings contains {
	"field": "environment.ttl_hours",
	"value": input.environment.ttl_hours,
	"message": sprintf(
		"The time to live of %s is longer than the %s that the template %s allows for the tier %s.",
		[
			phrase.duration(input.environment.ttl_hours),
			phrase.duration(input.template.ttl_max_hours),
			input.template.slug,
			input.environment.tier,
		],
	),
	"fix": sprintf("Ask for %s or less.", [phrase.duration(input.template.ttl_max_hours)]),
	"who": "The owner of the template",
} if {
	input.kind in {"create", "update"}
	is_number(input.environment.ttl_hours)
	is_number(input.template.ttl_max_hours)
	input.environment.ttl_hours > input.template.ttl_max_hours
}
