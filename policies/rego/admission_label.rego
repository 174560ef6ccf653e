package berth.admission_label

meta := {
	"id": "admission.label",
	"severity": "block",
	"title": "Nobody moves an object to another environment by its label",
	"waiver": "Nobody",
}

findings contains {
	"field": "metadata.labels.berth/environment",
	"value": thing.label,
	"message": sprintf("The label berth/environment may not be changed: it says that %s %s belongs to %s.", [thing.kind, thing.name, input.admission.environment.name]),
	"fix": sprintf("Set it to %s again.", [thing.label_before]),
	"who": sprintf("The owners of the team %s", [input.admission.team]),
} if {
	input.kind == "admit"
	thing := input.admission.object
	thing.label_before != null
	thing.label != thing.label_before
}

findings contains {
	"field": "metadata.labels.berth/environment",
	"value": thing.label,
	"message": sprintf("%s %s is labelled as another environment's; its namespace belongs to %s.", [thing.kind, thing.name, input.admission.environment.name]),
	"fix": sprintf("Leave the label out, or set it to %s.", [input.admission.environment.id]),
	"who": sprintf("The owners of the team %s", [input.admission.team]),
} if {
	input.kind == "admit"
	thing := input.admission.object
	thing.label_before == null
	thing.label != null
	thing.label != input.admission.environment.id
}
