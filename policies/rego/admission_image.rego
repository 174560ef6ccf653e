package berth.admission_image

import data.phrase

meta := {
	"id": "admission.image",
	"severity": "block",
	"title": "Images come from the registries that the cluster allows",
	"waiver": "The platform team",
}

findings contains {
	"field": sprintf("containers.%s.image", [container.name]),
	"value": container.image,
	"message": sprintf("The image %s of the container %s is not from a registry that %s allows.", [container.image, container.name, input.admission.target.slug]),
	"fix": sprintf("Use an image from %s.", [phrase.list(sort(input.admission.target.registries))]),
	"who": "The platform team",
} if {
	input.kind == "admit"
	count(input.admission.target.registries) > 0
	some container in input.admission.object.containers
	not allowed(container.image)
}

allowed(image) if {
	some registry in input.admission.target.registries
	startswith(image, sprintf("%s/", [registry]))
}
