"""A target says where to commit; what is wrong with it is said in a sentence before anything is touched."""

import re

import pytest
from jsonschema import Draft202012Validator

from provisioning.drivers.base import DriverRejected, DriverUnavailable, TargetSpec
from provisioning.drivers.gitops import documents, schema
from provisioning.drivers.gitops.place import place_of
from tests.gitops.world import DEPLOYMENT, RESOURCES, SERVICE


def test_what_is_not_said_has_a_plain_default():
    place = place_of(TargetSpec("eu-1", {"repository": "https://git.example.org/x.git"}))
    assert (place.branch, place.engine, place.mode, place.root) == ("main", "none", "direct", "environments")
    assert (place.signing, place.repository_name) == ("ssh", "x")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "lacks repository"),
        ({"repository": "https://x", "engine": "spinnaker"}, "engine of the target must be one of: argocd, flux, none"),
        ({"repository": "https://x", "mode": "maybe"}, "mode of the target must be one of: direct, pull-request"),
        ({"repository": "https://x", "engine": "flux"}, "lacks server"),
        ({"repository": "https://x", "root": "../up"}, "root of the target is not in the form"),
        ({"repository": "https://x", "author": "a\nb"}, "author of the target is not in the form"),
        ({"repository": "https://x", "sync_seconds": 0}, "sync_seconds of the target must be a whole number"),
    ],
)
def test_a_target_that_cannot_work_says_why(config, sentence):
    with pytest.raises(DriverRejected, match=sentence):
        place_of(TargetSpec("eu-1", config))


def test_an_environment_needs_a_target(world):
    with pytest.raises(DriverRejected, match="needs a registered target: a Git repository"):
        world.driver.observe(world.spec(target=None))


@pytest.mark.parametrize("address", ["http://git.example.org/x", "ext::sh -c id", "https://me:pw@git.example.org/x"])
def test_an_address_that_git_may_not_use_is_refused(world, address):
    world.config["repository"] = address
    with pytest.raises(DriverRejected, match="The address"):
        world.driver.observe(world.spec())


def test_a_repository_outside_the_state_directory_is_refused(world):
    world.config["repository"] = "file:///etc"
    with pytest.raises(DriverRejected, match="must lie in Berth's own state directory"):
        world.driver.observe(world.spec())


def test_a_target_is_checked_by_fetching_and_signing(world):
    head = world.git("rev-parse", "main")[:12]
    assert world.driver.check(world.target) == f"main stands at {head}; commits can be signed."
    assert world.commits() == ["Begin"]


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"branch": "live"}, DriverRejected, "answers, but it has no branch live"),
        ({"repository": "gone"}, DriverUnavailable, "There is no Git repository at this address"),
    ],
)
def test_a_check_says_what_is_missing(world, change, error, sentence):
    if "repository" in change:
        change = {"repository": f"file://{world.home}/gone.git"}
    world.config |= change
    with pytest.raises(error, match=sentence):
        world.driver.check(world.target)


def test_a_missing_program_is_said_when_a_template_is_published(world, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert world.driver.problems(RESOURCES) == (
        "git is not on PATH: commits are made with it.",
        "ssh-keygen is not on PATH: commits are signed with it.",
    )


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        (
            {"manifests": [{**SERVICE, "spec": {"x": "${environment.colour}"}}]},
            r"\$\{environment\.colour\} is no place",
        ),
        ({"manifests": [SERVICE, SERVICE]}, r"Two manifests would be written to service-web\.yaml"),
    ],
)
def test_a_template_that_can_never_work_is_told_so(world, resources, problem):
    (found,) = world.driver.problems(resources)
    assert re.match(problem, found)


@pytest.mark.parametrize(
    ("resources", "fits"),
    [
        (RESOURCES, True),
        ({"kustomization": {"resources": ["../../../bases/web", "extra.yaml"]}}, True),
        ({"kustomization": {"resources": ["https://git.example.org/base"]}}, False),
        ({"kustomization": {"resources": ["/etc"]}}, False),
        ({"kustomization": {"secretGenerator": []}}, False),
        ({"kustomization": {}, "chart": {"name": "x", "version": "1", "repository": "https://x"}}, False),
        ({"manifests": [{**DEPLOYMENT, "metadata": {}}]}, False),
        ({}, False),
    ],
)
def test_the_schema_keeps_a_template_inside_the_repository(resources, fits):
    assert Draft202012Validator(schema.TEMPLATE_SCHEMA).is_valid(resources) is fits


def test_a_value_never_becomes_structure(world):
    evil = 'x"\n  evil: "true'
    spec = world.spec(parameters={"replicas": 2, "note": evil})
    spec = world.spec(parameters=spec.parameters, resources={"manifests": [{**SERVICE, "spec": {"note": "a ${note}"}}]})
    world.carry_out(spec, "create")
    (change,) = [c for c in world.driver.observe(spec).values() if c.address.endswith("service-web.yaml")]
    assert change.state["spec"] == {"note": f"a {evil}"}


@pytest.mark.parametrize(
    "text", ["1e3", "yes", "012", "null", "2026-11-23", "a: b", "- x", "", " x", "x\ny\n", "é", "0x1f", "~"]
)
def test_every_text_comes_back_as_the_same_text(text):
    assert documents.parse(documents.dump({"a": text, "b": [text]})) == {"a": text, "b": [text]}
