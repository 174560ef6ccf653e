# The facts that every test starts from: a request that no rule objects to.
package fixtures

base := {
	"point": "request",
	"now": "2026-11-23T09:00:00+00:00",
	"kind": "create",
	"requester": {"username": "mara", "roles": ["developer"], "platform": false},
	"environment": {
		"name": "payments-dev",
		"tier": "dev",
		"owner": "mara",
		"cost_centre": "CC-4100",
		"ttl_hours": 72,
		"age_hours": 0,
		"parameters": {"size": "small"},
	},
	"service": {"slug": "payments", "team": "payments"},
	"team": {"slug": "payments", "cost_centre": "CC-4100", "environments": 3, "environment_limit": 10},
	"template": {
		"slug": "web-app",
		"version": "1.2.0",
		"driver": "sandbox",
		"tiers": ["sandbox", "preview", "dev", "stage", "prod"],
		"ttl_hours": 72,
		"ttl_max_hours": 720,
	},
	"driver": {"name": "sandbox", "isolated": true},
	"window": {"open": true, "rule": "", "until": null},
	"signatures": {"required": 2, "required_owning_team": 1},
	"plan": null,
}

but(changes) := object.union(base, changes)
