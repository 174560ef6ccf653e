package berth.env_name_label

meta := {
	"id": "env.name_label",
	"severity": "block",
	"title": "An environment's name is a host name label",
	"waiver": "Nobody",
}

findings contains {
	"field": "environment.name",
	"value": input.environment.name,
	"message": problem,
	"fix": "Use 1 to 63 lower-case letters, digits and hyphens; begin with a letter, end with a letter or a digit.",
	"who": "You, the requester",
} if {
	input.kind == "create"
}

problem := "The environment has no name." if {
	input.environment.name == ""
} else := sprintf("The name is %d characters long; 63 is the most that a host name allows.", [count(input.environment.name)]) if {
	count(input.environment.name) > 63
} else := sprintf("The name %s has capital letters.", [input.environment.name]) if {
	lower(input.environment.name) != input.environment.name
} else := sprintf("The name %s begins or ends with a hyphen.", [input.environment.name]) if {
	regex.match(`^-|-$`, input.environment.name)
} else := sprintf("The name %s begins with a digit.", [input.environment.name]) if {
	regex.match(`^[0-9]`, input.environment.name)
} else := sprintf("The name %s has characters that a host name cannot have.", [input.environment.name]) if {
	not regex.match(`^[a-z0-9-]+$`, input.environment.name)
}
