# The facts that the tests of admission start from: a pod that no rule objects to.
package admission_fixtures

container := {"name": "web", "image": "registry.example.test/web:1", "privileged": false, "limits": ["cpu", "memory"]}

thing := {
	"operation": "CREATE",
	"kind": "Pod",
	"name": "web-1",
	"namespace": "payments-prod-0190e7c2",
	"label": null,
	"label_before": null,
	"containers": [container],
	"shares": [],
}

base := {
	"point": "admission",
	"now": "2026-11-23T09:00:00+00:00",
	"kind": "admit",
	"requester": {"username": "mara", "roles": [], "platform": false},
	"admission": {
		"environment": {"id": "0190e7c2-0000", "name": "payments-prod", "tier": "prod"},
		"service": "payments-api",
		"team": "payments",
		"target": {"slug": "eu-1", "registries": ["registry.example.test"]},
		"object": thing,
	},
}

pod(changes) := object.union(base, {"admission": {"object": changes}})

with_container(changes) := pod({"containers": [object.union(container, changes)]})
