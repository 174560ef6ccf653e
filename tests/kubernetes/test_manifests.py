"""What a template may bring, what it is given, and that all of it is valid for a real cluster."""

import dataclasses
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from provisioning.drivers.base import DriverRejected, SecretSpec, TargetSpec
from provisioning.drivers.kubernetes import manifests, render
from provisioning.drivers.kubernetes.driver import KubernetesDriver
from tests.contract.harness import Harness
from tests.kubernetes.objects import DEPLOYMENT, RESOURCES

EXAMPLE = Path(__file__).parents[2] / "examples/kubernetes/kubernetes-web-service/template.yaml"
STORE = {"server": "https://cluster.example.org", "secret_store": {"name": "vault"}}
TARGET = TargetSpec("eu-1", STORE, "targets/eu-1")
SECRET = SecretSpec("database", "env/shop-12345678/database")


def body(kind="ConfigMap", **meta):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", **meta}}


def spec(resources=RESOURCES, **changes):
    fields = {"target": TARGET, "parameters": {"greeting": "hi", "replicas": 2}, **changes}
    return Harness.blank("shop", resources=resources, **fields)


@pytest.mark.parametrize(
    ("unfit", "reason"),
    [
        (body("Secret"), "a template holds no Secret"),
        (body("ClusterRole"), "belongs to the whole cluster"),
        (body("Namespace"), "belongs to the whole cluster"),
        (body("NetworkPolicy"), "Berth makes this kind itself"),
        (body("ResourceQuota"), "Berth makes this kind itself"),
        (body("Pod"), "use a Deployment"),
        (
            {**body("RoleBinding"), "roleRef": {"kind": "ClusterRole", "name": "admin"}},
            "a Role of the environment only",
        ),
        (body(namespace="kube-system"), "each environment has its own"),
        (body(labels={"berth/environment": "other"}), "are Berth's own"),
        (body(annotations={"berth/fence": "0"}), "are Berth's own"),
        ({"kind": "ConfigMap"}, "no kind, apiVersion or metadata"),
        (body(name=""), "metadata.name is missing"),
    ],
)
def test_what_reaches_out_of_the_environment_is_refused(unfit, reason):
    with pytest.raises(DriverRejected, match=reason):
        manifests.refuse_unfit(unfit)
    with pytest.raises(DriverRejected, match=reason):
        render.wanted(spec({"manifests": [unfit]}), "ns", {})


def test_everything_is_in_the_namespace_and_carries_whose_it_is():
    asked = spec()
    for found in render.wanted(asked, "ns-1", {}).values():
        assert found["metadata"].get("namespace", "ns-1") == "ns-1"
        assert found["metadata"]["labels"]["berth/environment"] == asked.id
        assert found["metadata"]["labels"]["berth/team"] == "payments"


def test_pods_run_as_the_environments_own_account_without_its_token():
    found = render.wanted(spec(), "ns", {})
    pod = found["Deployment/ns/web"]["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "app"
    assert found["ServiceAccount/ns/app"]["automountServiceAccountToken"] is False
    job = found["CronJob/ns/tidy"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert job["serviceAccountName"] == "app"


def test_nothing_gets_in_or_out_unless_the_template_opens_it():
    found = render.wanted(spec(), "ns", {})
    deny = found["NetworkPolicy/ns/default-deny"]["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert {a for a in found if a.startswith("NetworkPolicy/")} == {
        f"NetworkPolicy/ns/{name}" for name in ("default-deny", "allow-names", "allow-each-other")
    }
    opened = {**RESOURCES, "namespace": {"network": {"egress_to": ["10.0.0.0/8"], "ingress_from": [{"a": "b"}]}}}
    found = render.wanted(spec(opened), "ns", {})
    egress = found["NetworkPolicy/ns/allow-egress"]["spec"]["egress"]
    assert egress == [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]


def test_secrets_are_named_by_path_only():
    found = render.wanted(spec(secrets=(SECRET,)), "ns", {})
    reference = found["ExternalSecret.external-secrets.io/ns/database"]["spec"]
    assert reference["secretStoreRef"] == {"name": "vault", "kind": "ClusterSecretStore"}
    assert reference["dataFrom"] == [{"extract": {"key": "kv/env/shop-12345678/database"}}]
    assert not any(address.startswith("Secret/") for address in found)


def test_secrets_without_a_store_are_refused():
    target = dataclasses.replace(TARGET, config={"server": "https://cluster.example.org"})
    with pytest.raises(DriverRejected, match="no secret_store"):
        render.wanted(spec(secrets=(SECRET,), target=target), "ns", {})


def test_the_vault_agent_is_told_path_and_role():
    asked = spec({**RESOURCES, "secrets": {"by": "vault-agent", "role": "shop"}}, secrets=(SECRET,))
    found = render.wanted(asked, "ns", {})
    notes = found["Deployment/ns/web"]["spec"]["template"]["metadata"]["annotations"]
    assert notes["vault.hashicorp.com/role"] == "shop"
    assert notes["vault.hashicorp.com/agent-inject-secret-database"] == "kv/data/env/shop-12345678/database"
    assert not any(address.startswith("ExternalSecret") for address in found)


@pytest.mark.parametrize(("wanted", "there"), [(True, True), (False, False)])
def test_an_object_may_depend_on_a_parameter(wanted, there):
    conditional = {"manifests": [{"when": {"extra": True}, "manifest": body()}, DEPLOYMENT]}
    found = render.wanted(spec(conditional, parameters={"extra": wanted, "replicas": 1}), "ns", {})
    assert ("ConfigMap/ns/x" in found) is there


def test_the_same_object_twice_is_refused():
    with pytest.raises(DriverRejected, match="makes ConfigMap/ns/x twice"):
        render.wanted(spec({"manifests": [body(), body()]}), "ns", {})


def test_what_others_need_is_written_first():
    kinds = [found["kind"] for found in render.wanted(spec(), "ns", {}).values()]
    assert kinds[:3] == ["Namespace", "ResourceQuota", "LimitRange"]
    assert kinds.index("ConfigMap") < kinds.index("Service") < kinds.index("Deployment")


def _example():
    template = yaml.safe_load(EXAMPLE.read_text())
    defaults = {name: field["default"] for name, field in template["parameters"]["properties"].items()}
    return template["resources"], {**defaults, "nightly_report": True}


@pytest.mark.parametrize("resources", [RESOURCES, _example()[0]], ids=["small", "example"])
@pytest.mark.parametrize("version", ["1.25", "1.31"])
def test_every_object_is_valid_for_a_cluster(resources, version):
    parameters = {**_example()[1], "replicas": 2}
    found = render.wanted(spec(resources, parameters=parameters, release=None), "ns", {})
    known = [each for each in found.values() if "/v1beta1" not in each["apiVersion"]]
    assert len(known) >= 10
    for each in known:
        kubernetes_validate.validate(each, version, strict=True)


def test_the_example_template_is_taken():
    assert KubernetesDriver().problems(_example()[0]) == ()
