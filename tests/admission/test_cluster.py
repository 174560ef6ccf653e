"""A real API server asks the portal over TLS: what is refused, in which words, and what counts when nobody answers."""

import ssl
import threading

import httpx
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import WSGIRequestHandler, WSGIServer
from django.db import connections

from policies.models import Decision
from provisioning import admission_hooks
from tests.admission.reviews import CONTAINER, hooked
from tests.cluster.client import Client, address
from tests.cluster.control_plane import certify
from tests.portal.visitors import plain_static
from tests.processes import wait_until

pytestmark = [
    pytest.mark.needs("built-cluster"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(240),
]
PRIVILEGED = {"securityContext": {"privileged": True}}
HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


class Quiet(WSGIRequestHandler):
    """Serves without a line for each call."""

    def log_message(self, format, *args):
        """Say nothing."""


def serve(server):
    """Until it is shut down; the thread's own database connection goes with it."""
    server.serve_forever(poll_interval=0.1)
    connections.close_all()


@pytest.fixture
def portal(tmp_path, settings):
    """The portal on TLS; `.shutdown()` lets nobody answer."""
    plain_static(settings)
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    certify(tmp_path)
    # One call to a connection, so that nobody is answered any more once it is shut down.
    server = WSGIServer(("127.0.0.1", 0), Quiet)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.socket = trust.wrap_socket(server.socket, server_side=True)
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=serve, args=[server])
    thread.start()
    server.authority = (tmp_path / "cert.pem").read_bytes()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def admin(cluster):
    client = Client(address(cluster.kubeconfig))
    yield client
    for hook in client.items(HOOKS):
        client.delete(f"{HOOKS}/{hook['metadata']['name']}")
    client.close()


def install(admin, portal, at):
    """Make the namespace of the environment, then the webhook, and wait until the API server asks it."""
    labels = {"berth/environment": str(at.environment.pk)}
    admin.create("/api/v1/namespaces", {"metadata": {"name": at.namespace, "labels": labels}})
    url = f"https://127.0.0.1:{portal.server_port}/webhooks/admission/{at.target.slug}/{at.token}"
    admin.create(HOOKS, admission_hooks.configuration(at.hook, url=url, authority=portal.authority))
    wait_until(lambda: has_account(admin, at.namespace))
    wait_until(lambda: make_pod(admin, at, "probe", dry=True, **PRIVILEGED) != "")


def has_account(admin, namespace):
    """Whether pods can be made: their account is there, with its token."""
    found = admin.items(f"/api/v1/namespaces/{namespace}/serviceaccounts")
    return found and found[0].get("secrets")


def make_pod(admin, at, name, *, dry=False, **container):
    """What the API server said against it; nothing when it took it."""
    spec = {"containers": [{**CONTAINER, **container}]}
    path = f"/api/v1/namespaces/{at.namespace}/pods{'?dryRun=All' if dry else ''}"
    try:
        admin.create(path, {"metadata": {"name": name}, "spec": spec})
    except httpx.HTTPStatusError as refused:
        return refused.response.json()["message"]
    return ""


@pytest.fixture
def at(demo, admin, request):
    made = hooked(demo, **getattr(request, "param", {}))
    yield made
    admin.delete(f"/api/v1/namespaces/{made.namespace}")


@pytest.mark.parametrize("at", [{"image_registries": ["registry.example.test"]}], indirect=True)
def test_what_policy_refuses_the_cluster_refuses_in_our_words(admin, portal, at):
    install(admin, portal, at)
    assert make_pod(admin, at, "good") == ""
    said = make_pod(admin, at, "bad", **PRIVILEGED)
    assert 'admission webhook "workloads.admission.berth" denied the request: Berth admission.privileged: ' in said
    assert "Leave out securityContext.privileged" in said
    assert "admission.image" in make_pod(admin, at, "bad", image="elsewhere.test/web:1")
    names = [pod["metadata"]["name"] for pod in admin.items(f"/api/v1/namespaces/{at.namespace}/pods")]
    assert names == ["good"]
    assert Decision.objects.filter(point="admission", allowed=False).count() == 2
    shown = admission_hooks.admission_latency(at.target)
    assert (shown.refused, shown.calls >= 3, 0 < shown.p50_ms <= shown.p95_ms) == (2, True, True)


def test_the_namespace_keeps_its_label(admin, portal, at):
    install(admin, portal, at)
    path = f"/api/v1/namespaces/{at.namespace}"
    with pytest.raises(httpx.HTTPStatusError, match="may not be changed"):
        admin.merge(path, {"metadata": {"labels": {"berth/environment": None}}})
    assert admin.get(path)["metadata"]["labels"]["berth/environment"] == str(at.environment.pk)


def test_what_is_no_environments_is_not_asked_about(admin, portal, at, cluster):
    install(admin, portal, at)
    decisions = Decision.objects.count()
    admin.create("/api/v1/namespaces", {"metadata": {"name": cluster.namespace("free")}})
    path = f"/api/v1/namespaces/{cluster.namespace('free')}"
    wait_until(lambda: has_account(admin, cluster.namespace("free")))
    body = {"metadata": {"name": "any"}, "spec": {"containers": [{**CONTAINER, **PRIVILEGED}]}}
    assert admin.create(f"{path}/pods", body)["metadata"]["name"] == "any"
    assert Decision.objects.count() == decisions


@pytest.mark.parametrize(
    ("at", "admitted"), [({"fails_open": False}, False), ({"fails_open": True}, True)], indirect=["at"]
)
def test_when_nobody_answers_the_clusters_choice_counts(admin, portal, at, admitted):
    install(admin, portal, at)
    portal.shutdown()
    portal.server_close()
    said = make_pod(admin, at, "orphan")
    assert (said == "") is admitted
    if not admitted:
        assert 'failed calling webhook "workloads.admission.berth"' in said
