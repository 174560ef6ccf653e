"""What of a live object may be planned, stored and shown: no noise of the server, no secret."""

import hashlib

import pytest

from provisioning.drivers.kubernetes.objects import OWNERSHIP, Cleaner, assigned, covers, holds_masked
from provisioning.redaction import MASK

clean = Cleaner(lambda value: f"vault:v1:{hashlib.sha256(value).hexdigest()[:8]}")


def live(kind="Deployment", **body):
    meta = {
        "name": "web",
        "namespace": "ns",
        "uid": "u",
        "resourceVersion": "7",
        "generation": 3,
        "creationTimestamp": "2026-11-23T10:00:00Z",
        "managedFields": [{"manager": "berth", "operation": "Apply"}],
        "labels": {"app": "web", "controller-uid": "u"},
        "annotations": {"deployment.kubernetes.io/revision": "4", "berth/fence": "9", "note": "mine"},
    }
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, "status": {"replicas": 1}, **body}


def test_only_what_people_wrote_is_left():
    meta = {"name": "web", "namespace": "ns", "labels": {"app": "web"}, "annotations": {"note": "mine"}}
    assert clean(live(spec={"replicas": 1})) == {
        "apiVersion": "v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {"replicas": 1},
    }


def test_who_claims_the_namespace_and_when_it_expires_is_no_part_of_it():
    space = live("Namespace", spec={"finalizers": ["kubernetes"]})
    space["metadata"]["annotations"] |= {"berth/active": "9", "berth/expires-at": "x", "berth/kinds": "v1/Service"}
    space["metadata"]["labels"] |= {"berth/cost-centre": "CC-1", "berth/tier": "dev"}
    assert clean(space)["metadata"]["labels"] == {"app": "web", "berth/tier": "dev"}
    assert clean(space)["metadata"]["annotations"] == {"note": "mine"}
    assert "spec" not in clean(space)


def env(name, value):
    return live(spec={"template": {"spec": {"containers": [{"env": [{"name": name, "value": value}]}]}}})


def first_env(found):
    return found["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2"),
        ("API_KEY", "abc"),
        ("URL", "postgres://me:hunter2@db/x"),
        ("FLAGS", "token=abcdef123456"),
    ],
)
def test_what_looks_like_a_secret_is_a_keyed_hash(name, value):
    shown = first_env(clean(env(name, value)))
    assert shown.startswith(MASK)
    assert value not in shown
    assert shown == first_env(clean(env(name, value)))
    assert shown != first_env(clean(env(name, value + "x")))
    assert holds_masked(clean(env(name, value)))


def test_what_does_not_look_like_one_is_shown():
    assert first_env(clean(env("GREETING", "hello"))) == "hello"
    assert not holds_masked(clean(env("GREETING", "hello")))


def test_floats_are_text_so_that_a_digest_never_depends_on_their_form():
    assert clean(live(spec={"share": 0.5}))["spec"] == {"share": "0.5"}


def test_tokens_that_the_cluster_adds_to_an_account_are_not_its_own():
    assert "secrets" not in clean(live("ServiceAccount", secrets=[{"name": "app-token-x"}]))


def test_a_jobs_own_id_is_no_change():
    template = {"metadata": {"labels": {"controller-uid": "u", "job-name": "web", "app": "web"}}}
    spec = clean(live("Job", spec={"selector": {"matchLabels": {"controller-uid": "u"}}, "template": template}))["spec"]
    assert spec == {"template": {"metadata": {"labels": {"app": "web"}}}}


def test_a_creation_that_was_not_finished_is_seen():
    half = live()
    half["metadata"]["managedFields"] = [{"manager": "berth", "operation": "Update"}]
    assert clean(half)[OWNERSHIP] == "partial"
    assert OWNERSHIP not in clean(live())


def test_what_the_server_gives_out_is_unknown_before():
    spec = {"clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"], "ports": [{"port": 80, "nodePort": 30123}]}
    found, unknown = assigned(clean(live("Service", spec=spec)))
    assert found["spec"] == {"ports": [{"port": 80}]}
    assert unknown == ("spec.clusterIP", "spec.clusterIPs")


@pytest.mark.parametrize(
    ("have", "want", "covered"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({}, {"a": None}, False),
    ],
)
def test_a_live_object_covers_what_is_wanted_when_nothing_wanted_is_missing(have, want, covered):
    assert covers(have, want) is covered
