package berth.env_name_reserved

meta := {
	"id": "env.name_reserved",
	"severity": "block",
	"title": "Names that Berth uses itself are not given away",
	"waiver": "Nobody",
}

reserved := {"admin", "api", "berth", "health", "localhost", "metrics", "router", "static", "status", "vault", "www"}

findings contains {
	"field": "environment.name",
	"value": input.environment.name,
	"message": sprintf("The name %s is reserved.", [input.environment.name]),
	"fix": sprintf("Choose another name, for example %s-%s.", [input.service.slug, input.environment.tier]),
	"who": "You, the requester",
} if {
	input.kind == "create"
	lower(input.environment.name) in reserved
}
