package berth.prod_signatures

meta := {
	"id": "prod.signatures",
	"severity": "block",
	"title": "A change of prod needs two signatures, one of them from the owning team",
	"waiver": "Nobody",
}

who := sprintf("The platform team and the owners of the team %s", [input.service.team])

findings contains {
	"field": "signatures.required",
	"value": input.signatures.required,
	"message": sprintf("A change of prod needs at least 2 signatures; the approval rules ask for %d.", [input.signatures.required]),
	"fix": "Raise the number of signatures in the approval rule for prod to 2 or more.",
	"who": who,
} if {
	changes_prod
	input.signatures.required < 2
}

findings contains {
	"field": "signatures.required_owning_team",
	"value": input.signatures.required_owning_team,
	"message": sprintf("The approval rules let prod change without a signature from the team %s, which owns the service.", [input.service.team]),
	"fix": sprintf("Let the approval rule for prod ask for 1 signature from the team %s.", [input.service.team]),
	"who": who,
} if {
	changes_prod
	input.signatures.required_owning_team < 1
}

# A rollback is left out: the way back to what was approved before must stay short.
changes_prod if {
	input.environment.tier == "prod"
	input.kind in {"create", "update", "deploy", "promote"}
}
