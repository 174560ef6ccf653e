"""The parts that are played: a kubelet, Argo CD and Flux, as the drivers and their tests see them."""

import subprocess

import pytest

from tests.processes import wait_until

pytestmark = [pytest.mark.needs("built-cluster"), pytest.mark.timeout(240)]
WEB = {"containers": [{"name": "web", "image": "web:1"}]}
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": WEB}
APPS = "/apis/argoproj.io/v1alpha1/namespaces/{}/applications"
KUSTOMIZE = "kustomize.toolkit.fluxcd.io/v1"
SOURCE = "source.toolkit.fluxcd.io/v1"


@pytest.fixture
def namespace(namespace, admin):
    """Pods can be made in it; at the end nothing special is asked of the simulators any more, so that it can go."""
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    wait_until(lambda: [each for each in admin.items(accounts) if "secrets" in each])
    yield namespace
    trouble(admin, f"/api/v1/namespaces/{namespace}", None)


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit on main, and a function that makes another."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.test"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)

    def commit() -> str:
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "next"], check=True)
        return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    return str(tmp_path), commit


def trouble(admin, path, what, kind="pods"):
    """Ask the simulators for it, or for nothing special."""
    admin.merge(path, {"metadata": {"annotations": {f"simulate.test/{kind}": what}}})


def deploy(admin, namespace, **spec):
    """A Deployment of two, and its path."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE, **spec}
    admin.create(path, {"metadata": {"name": "web"}, "spec": spec})
    return f"{path}/web"


def test_a_deployment_becomes_available(admin, namespace):
    path = deploy(admin, namespace)
    wait_until(lambda: admin.get(path)["status"].get("availableReplicas") == 2)


def test_a_deployment_whose_pods_crash_runs_out_of_time(admin, namespace):
    trouble(admin, f"/api/v1/namespaces/{namespace}", "crash")
    path = deploy(admin, namespace, progressDeadlineSeconds=2)

    def reasons():
        return {c["type"]: c.get("reason") for c in admin.get(path)["status"].get("conditions", [])}

    wait_until(lambda: reasons().get("Progressing") == "ProgressDeadlineExceeded")
    assert admin.get(path)["status"].get("availableReplicas") is None


def test_a_job_completes(admin, namespace):
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    template = {"spec": {**WEB, "restartPolicy": "Never"}}
    admin.create(path, {"metadata": {"name": "once"}, "spec": {"template": template}})
    wait_until(lambda: admin.get(f"{path}/once")["status"].get("succeeded") == 1)


def test_a_pod_that_ignores_its_deletion_keeps_its_namespace(admin, namespace):
    path = f"/api/v1/namespaces/{namespace}"
    trouble(admin, path, "stay")
    admin.create(f"{path}/pods", {"metadata": {"name": "lone"}, "spec": WEB})
    wait_until(lambda: admin.get(f"{path}/pods/lone")["status"].get("podIP"))
    admin.delete(path)
    remaining = "NamespaceContentRemaining"
    wait_until(lambda: remaining in {c["type"] for c in admin.get(path)["status"].get("conditions", [])})
    assert admin.get(path)["status"]["phase"] == "Terminating"


def application(admin, namespace, url):
    """An automated Application of `url`, and its path."""
    source = {"repoURL": url, "path": ".", "targetRevision": "main"}
    place = {"server": "https://kubernetes.default.svc", "namespace": namespace}
    spec = {"project": "default", "source": source, "destination": place, "syncPolicy": {"automated": {}}}
    named = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "shop"}}
    admin.create(APPS.format(namespace), {**named, "spec": spec})
    return APPS.format(namespace) + "/shop"


def shown(admin, path):
    """Sync, its revision, and health."""
    status = admin.get(path).get("status", {})
    sync, health = status.get("sync", {}), status.get("health", {})
    return sync.get("status"), sync.get("revision"), health.get("status")


def test_an_application_follows_git_and_its_health_is_another_matter(admin, namespace, repository):
    url, commit = repository
    first = commit()
    path = application(admin, namespace, url)
    wait_until(lambda: shown(admin, path) == ("Synced", first, "Healthy"))
    trouble(admin, path, "degraded", "gitops")
    second = commit()
    wait_until(lambda: shown(admin, path) == ("Synced", second, "Degraded"))
    trouble(admin, path, "out-of-sync", "gitops")
    wait_until(lambda: shown(admin, path)[0] == "OutOfSync")


def test_a_kustomization_applies_what_its_source_fetched(admin, namespace, repository):
    url, commit = repository
    first = commit()
    flux(admin, namespace, url)
    path = f"/apis/{KUSTOMIZE}/namespaces/{namespace}/kustomizations/shop"
    wait_until(lambda: admin.get(path).get("status", {}).get("lastAppliedRevision") == f"main@sha1:{first}")
    assert ready(admin, path) == ("True", "ReconciliationSucceeded")
    trouble(admin, path, "failing", "gitops")
    second = commit()
    wait_until(lambda: admin.get(path)["status"]["lastAttemptedRevision"] == f"main@sha1:{second}")
    assert ready(admin, path) == ("False", "BuildFailed")
    assert admin.get(path)["status"]["lastAppliedRevision"] == f"main@sha1:{first}"


def test_a_kustomization_that_is_never_looked_at_has_no_status(admin, namespace, repository):
    url, commit = repository
    commit()
    flux(admin, namespace, url, {"simulate.test/gitops": "never"})
    source = f"/apis/{SOURCE}/namespaces/{namespace}/gitrepositories/shop"
    wait_until(lambda: admin.get(source).get("status", {}).get("artifact"))
    assert "status" not in admin.get(f"/apis/{KUSTOMIZE}/namespaces/{namespace}/kustomizations/shop")


def flux(admin, namespace, url, annotations=None):
    """A source of `url` and a Kustomization of it."""
    spec = {"url": url, "interval": "1m", "ref": {"branch": "main"}}
    named = {"apiVersion": SOURCE, "kind": "GitRepository", "metadata": {"name": "shop"}}
    admin.create(f"/apis/{SOURCE}/namespaces/{namespace}/gitrepositories", {**named, "spec": spec})
    spec = {"interval": "1m", "prune": True, "path": "./", "sourceRef": {"kind": "GitRepository", "name": "shop"}}
    metadata = {"name": "shop", "annotations": annotations or {}}
    named = {"apiVersion": KUSTOMIZE, "kind": "Kustomization", "metadata": metadata}
    admin.create(f"/apis/{KUSTOMIZE}/namespaces/{namespace}/kustomizations", {**named, "spec": spec})


def ready(admin, path):
    """The Ready condition's status and reason."""
    conditions = admin.get(path)["status"]["conditions"]
    return next((c["status"], c["reason"]) for c in conditions if c["type"] == "Ready")
