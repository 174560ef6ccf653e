package berth.env_tier_template

import data.phrase

meta := {
	"id": "env.tier_template",
	"severity": "block",
	"title": "The template is offered for the tier",
	"waiver": "The platform team",
}

findings contains {
	"field": "environment.tier",
	"value": input.environment.tier,
	"message": sprintf(
		"The template %s %s is not offered for the tier %s.",
		[input.template.slug, input.template.version, input.environment.tier],
	),
	"fix": sprintf("Choose one of its tiers (%s) or another template.", [phrase.list(input.template.tiers)]),
	"who": "The owner of the template",
} if {
	input.kind in {"create", "update", "deploy", "promote"}
	not input.environment.tier in input.template.tiers
}
