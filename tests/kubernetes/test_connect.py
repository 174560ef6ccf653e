"""Which addresses a cluster may have, and what is said when its account may too little."""

import dataclasses
import json

import pytest

from provisioning.drivers.base import DriverRejected, DriverUnavailable
from provisioning.drivers.kubernetes import connect
from provisioning.drivers.kubernetes.connect import NEEDED, Connections, check
from provisioning.drivers.kubernetes.driver import KubernetesDriver
from tests.contract.harness import Harness
from tests.kubernetes.fake import TARGET, Cluster
from tests.kubernetes.objects import RESOURCES

REVIEW = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
VERSION = ("GET /version", (200, {"gitVersion": "v1.31.2"}))


def _reviewing(*refused):
    def answer(request):
        wanted = json.loads(request.content)["spec"]["resourceAttributes"]
        return 200, {"status": {"allowed": (wanted["verb"], wanted["resource"]) not in refused}}

    return answer


def test_a_check_says_the_version_and_that_all_rights_are_there():
    cluster = Cluster(dict([VERSION, (REVIEW, _reviewing())]))
    said = check(cluster.api(), "eu-1")
    assert said == f"Kubernetes v1.31.2 answers; the account may do all {len(NEEDED)} things that were asked."


def test_a_check_names_the_rights_that_are_missing():
    cluster = Cluster(dict([VERSION, (REVIEW, _reviewing(("create", "namespaces"), ("list", "pods")))]))
    with pytest.raises(DriverRejected) as caught:
        check(cluster.api(), "eu-1")
    assert str(caught.value) == (
        "Kubernetes v1.31.2 answers, but the account of eu-1 may not: create namespaces, list pods."
    )


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ("", "needs `server`"),
        ("cluster.example.org", "needs `server`"),
        ("http://cluster.example.org", "is plain HTTP"),
        ("https://me:secret@cluster.example.org", "no user or password"),
    ],
)
def test_an_address_that_would_show_the_token_is_refused(server, reason):
    with pytest.raises(DriverRejected, match=reason) as caught:
        connect.server_of({"server": server})
    assert "secret" not in str(caught.value)


def test_plain_http_is_for_this_machine():
    assert connect.server_of({"server": "http://127.0.0.1:8001"}) == "http://127.0.0.1:8001"


def test_a_certificate_that_is_none_is_refused():
    target = dataclasses.replace(TARGET, config={**TARGET.config, "ca": "not PEM"})
    with pytest.raises(DriverRejected, match="`ca` is no certificate"):
        Connections(token=lambda _target: "x" * 20).to(target)


def test_without_a_target_one_is_asked_for():
    spec = Harness.blank("shop", resources=RESOURCES)
    for ask in (KubernetesDriver().observe, KubernetesDriver().health, KubernetesDriver().outputs):
        with pytest.raises(DriverRejected, match="Register one as a target"):
            ask(spec)


def test_a_vault_that_is_away_is_only_late(settings):
    berth = dataclasses.replace(settings.BERTH, vault_addr="http://127.0.0.1:9")
    settings.BERTH = berth
    with pytest.raises(DriverUnavailable):
        Connections().to(TARGET)


def test_a_changed_record_is_connected_to_anew():
    connections = Connections(token=lambda _target: "x" * 20)
    moved = dataclasses.replace(TARGET, config={"server": "https://other.example.org"})
    assert connections.to(TARGET) is connections.to(TARGET)
    assert connections.to(TARGET) is not connections.to(moved)
