package berth.driver_isolation

import data.tiers

meta := {
	"id": "driver.isolation",
	"severity": "block",
	"title": "Stage and prod run only where workloads are isolated from each other",
	"waiver": "Nobody",
}

findings contains {
	"field": "driver.isolated",
	"value": input.driver.isolated,
	"message": sprintf(
		"The driver %s does not isolate workloads on this machine, so it may not run the tier %s.",
		[input.driver.name, input.environment.tier],
	),
	"fix": "Choose another tier, or a template with a driver that isolates workloads.",
	"who": "The platform team",
} if {
	input.kind in {"create", "update", "resume", "deploy", "promote"}
	input.environment.tier in tiers.prod_like
	not input.driver.isolated == true
}
