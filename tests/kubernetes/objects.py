"""A small template's resources, and what of a live object two looks can be compared by. Written apart from the driver's
own cleaning, which it checks."""

from provisioning.drivers.kubernetes.names import BOOKKEEPING, ENVIRONMENT

POD = {
    "containers": [
        {
            "name": "web",
            "image": "shop/web:none",
            "ports": [{"containerPort": 8080}],
            "envFrom": [{"configMapRef": {"name": "web"}}],
        }
    ]
}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": "${replicas}",
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": POD},
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
}
SETTINGS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "web"},
    "data": {"greeting": "${greeting}", "where": "${environment.name}.example.org"},
}
CRON_JOB = {
    "apiVersion": "batch/v1beta1",
    "kind": "CronJob",
    "metadata": {"name": "tidy"},
    "spec": {
        "schedule": "0 3 * * *",
        "jobTemplate": {
            "spec": {
                "template": {
                    "spec": {"restartPolicy": "Never", "containers": [{"name": "tidy", "image": "shop/web:none"}]},
                }
            }
        },
    },
}
RELEASE = {"workload": "Deployment/web", "container": "web", "repository": "shop/web"}
RESOURCES = {"manifests": [DEPLOYMENT, SERVICE, SETTINGS, CRON_JOB], "release": RELEASE}
ROUTE = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "web"},
    "spec": {"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]},
}

_OF_SERVER = {"clusterIP", "clusterIPs"}
_MADE_BY_CLUSTER = {"kube-root-ca.crt", "default"}


def gist(live):
    """What a doubled, lost or forgotten write would show: labels, notes and contents, but no times, ids or status."""
    meta = live["metadata"]
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key not in {*BOOKKEEPING, ENVIRONMENT}}
    notes = {
        key: value
        for key, value in (meta.get("annotations") or {}).items()
        if key not in BOOKKEEPING and not key.startswith("deployment.kubernetes.io/")
    }
    spec = {key: value for key, value in (live.get("spec") or {}).items() if key not in _OF_SERVER}
    return {"labels": labels, "notes": notes, "spec": spec, "data": live.get("data")}


def is_made_by_cluster(live):
    """Whether the cluster puts such an object into every namespace."""
    return live["metadata"]["name"] in _MADE_BY_CLUSTER
