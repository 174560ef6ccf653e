"""What is sent to a cluster, and what its refusals are called."""

import httpx2
import pytest

from provisioning.drivers.base import DriverRejected, DriverUnavailable
from provisioning.drivers.kubernetes.api import Conflict, Forbidden, Kind, Unauthorised
from tests.kubernetes.fake import TOKEN, Cluster, config_map, status

CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps", True)
PATH = "/api/v1/namespaces/shop/configmaps/web"


def test_an_apply_names_our_manager_and_what_it_expects_to_find():
    cluster = Cluster({f"PATCH {PATH}": (200, config_map())})
    cluster.api().apply(CONFIG_MAP, config_map())
    ((method, path, query, body),) = cluster.sent
    assert (method, path, query) == (
        "PATCH",
        PATH,
        {"fieldManager": "berth", "force": "true", "timeout": "5s"},
    )
    assert cluster.asked[-1].headers["content-type"] == "application/apply-patch+yaml"
    assert body["metadata"]["resourceVersion"] == "7"


def test_a_dry_run_says_so():
    cluster = Cluster({f"PATCH {PATH}": (200, config_map())})
    cluster.api().apply(CONFIG_MAP, config_map(), dry_run=True)
    assert cluster.sent[0][2]["dryRun"] == "All"


def test_a_removal_is_conditional_on_what_was_read():
    cluster = Cluster({f"DELETE {PATH}": (200, {})})
    cluster.api().delete(CONFIG_MAP, config_map())
    assert cluster.sent[0][3]["preconditions"] == {"uid": "u-1", "resourceVersion": "7"}


def test_removing_what_is_not_there_is_fine():
    Cluster().api().delete(CONFIG_MAP, config_map())


def test_what_is_not_there_is_none():
    assert Cluster().api().get(CONFIG_MAP, "shop", "web") is None


def test_a_merge_is_conditional_on_what_was_read():
    cluster = Cluster({f"PATCH {PATH}": (200, config_map())})
    cluster.api().merge(CONFIG_MAP, config_map(), {"data": {"a": None}}, manager="berth-sleep")
    assert cluster.sent[0][3] == {"data": {"a": None}, "metadata": {"resourceVersion": "7"}}


def test_a_creation_is_turned_into_an_apply_once():
    fields = [{"manager": "berth", "operation": "Update"}, {"manager": "kubectl", "operation": "Update"}]
    cluster = Cluster({f"PATCH {PATH}": (200, config_map())})
    cluster.api().own(CONFIG_MAP, config_map(managedFields=fields))
    patch = {entry["path"]: entry["value"] for entry in cluster.sent[0][3]}
    assert patch["/metadata/managedFields"] == [{"manager": "berth", "operation": "Apply"}, fields[1]]
    assert patch["/metadata/resourceVersion"] == "7"


def test_a_long_list_is_read_to_its_end():
    pages = iter([{"items": [config_map("a")], "metadata": {"continue": "next"}}, {"items": [config_map("b")]}])
    cluster = Cluster({"GET /api/v1/namespaces/shop/configmaps": lambda _request: (200, next(pages))})
    found = cluster.api().list(CONFIG_MAP, "shop", labels="a=b")
    assert [each["metadata"]["name"] for each in found] == ["a", "b"]
    assert cluster.sent[1][2] == {"limit": "500", "labelSelector": "a=b", "continue": "next"}


def test_subresources_are_no_kinds():
    assert Cluster().api().kind("v1", "Pod").plural == "pods"


def test_an_unknown_kind_is_refused_with_its_name():
    with pytest.raises(DriverRejected, match="does not know the kind Widget of v1"):
        Cluster().api().kind("v1", "Widget")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx2.ConnectError("refused"), DriverUnavailable),
        (httpx2.ReadTimeout("slow"), DriverUnavailable),
        ((500, status(500, "oops")), DriverUnavailable),
        ((503, status(503, "later")), DriverUnavailable),
        ((429, status(429, "slow down")), DriverUnavailable),
        ((409, status(409, "changed")), Conflict),
        ((403, status(403, "terminating", causes=[{"reason": "NamespaceTerminating"}])), DriverUnavailable),
        ((401, status(401, "no")), Unauthorised),
        ((403, status(403, "may not")), Forbidden),
        ((422, status(422, "bad")), DriverRejected),
        ((400, status(400, "bad")), DriverRejected),
        ((500, status(500, "failed to create typed patch object: .spec.x: field not declared")), DriverRejected),
    ],
)
def test_every_refusal_is_typed(answer, kind):
    with pytest.raises(kind) as caught:
        Cluster({f"PATCH {PATH}": answer}).api().apply(CONFIG_MAP, config_map())
    assert isinstance(caught.value, DriverUnavailable) is not isinstance(caught.value, DriverRejected)
    assert TOKEN not in str(caught.value)


def test_a_refusal_names_the_object_and_the_field():
    causes = [{"field": "spec.replicas", "message": "must be 0 or more"}]
    answer = (422, status(422, "long text", kind="Deployment", name="web", causes=causes))
    with pytest.raises(DriverRejected) as caught:
        Cluster({f"PATCH {PATH}": answer}).api().apply(CONFIG_MAP, config_map())
    assert str(caught.value) == "Deployment web: spec.replicas: must be 0 or more"


def test_a_large_refused_value_is_left_out():
    message = f"Invalid value: core.PodTemplateSpec{{{'x' * 400}}}: field is immutable"
    answer = (422, status(422, "x", kind="Job", name="load", causes=[{"field": "spec.template", "message": message}]))
    with pytest.raises(DriverRejected) as caught:
        Cluster({f"PATCH {PATH}": answer}).api().apply(CONFIG_MAP, config_map())
    assert str(caught.value) == "Job load: spec.template: field is immutable"


def test_what_looks_like_a_credential_is_masked_in_a_refusal():
    answer = (422, status(422, "cannot use password=hunter2hunter2 here", kind="ConfigMap", name="web"))
    with pytest.raises(DriverRejected) as caught:
        Cluster({f"PATCH {PATH}": answer}).api().apply(CONFIG_MAP, config_map())
    assert "hunter2" not in str(caught.value)


def test_a_token_that_was_changed_in_vault_is_read_anew():
    cluster = Cluster()
    api = cluster.api()

    def answer(request):
        known = request.headers["authorization"] == "Bearer a-new-token"
        return (200, config_map()) if known else (401, status(401, "no"))

    cluster.answers[f"GET {PATH}"] = answer
    cluster.token = "a-new-token"
    assert api.get(CONFIG_MAP, "shop", "web") == config_map()
