"""A worker that was stopped past its lease, and then goes on, leaves nothing: each push of the GitOps driver."""

from dataclasses import replace
from uuid import uuid4

import pytest

from audit.context import context
from provisioning.drivers.registry import driver
from provisioning.models import Target
from tests import people
from tests.delivery.test_releases import release
from tests.gitops.world import AUTHOR, RESOURCES, World
from tests.paused import Stage, proof, proof_of_undo, two_workers
from tests.provisioning.engine import ask, requested
from tests.world import finished

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.servers]
GITOPS = "provisioning.drivers.gitops.driver:GitopsDriver"
FILE = "environments/dev/payments-api-dev/deployment-web.yaml"
PARAMETERS = {
    "type": "object",
    "properties": {"replicas": {"type": "integer", "title": "Replicas", "default": 2}},
    "additionalProperties": False,
}
# Whoever reviews is quick here, and merges only what is on top of main.
REVIEWER = """#!/bin/sh
while read -r old new ref; do
  case "$ref" in refs/heads/berth/*) ;; *) continue ;; esac
  git merge-base --is-ancestor main "$new" 2>/dev/null && git update-ref refs/heads/main "$new"
done
exit 0
"""


@pytest.fixture(scope="module")
def place(django_db_setup, tmp_path_factory):
    """Where wishes and repositories are, and two workers that look there: they go on from test to test."""
    place = tmp_path_factory.mktemp("wishes")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"DRIVER": GITOPS, "DIR": str(place)}.items():
            patch.setenv(f"BERTH_PAUSED_{name}", value)
        driver.cache_clear()
        with two_workers(BERTH_VAR=str(place)):
            yield place
    driver.cache_clear()


@pytest.fixture
def world(place, demo, settings):
    """A repository and the target that names it; commits are not signed."""
    settings.BERTH = replace(settings.BERTH, var=place)
    home = place / uuid4().hex
    home.mkdir()
    world = World(home, config={"signing": "none", "author": AUTHOR})
    with context(by="system:test"):
        config = dict(world.target.config)
        Target.objects.create(slug="environments", name="Environments", driver="paused", config=config)
        number = {"number": "2.0.0", "digest": "sha256:" + "e" * 64}
        parts = {"resources": RESOURCES, "parameters": PARAMETERS, "target": "environments"}
        demo.version = people.make_version(driver="paused", **number, **parts)
    return world


@pytest.fixture
def stage(world, place, demo):
    for left in place.glob("*-*-*"):
        left.unlink()
    return Stage(demo, place, arguments={})


@pytest.fixture
def reviewed(world):
    """The same, where what is pushed for review is merged at once."""
    with context(by="system:test"):
        Target.objects.update(config={**world.target.config, "mode": "pull-request", "merge_seconds": 20})
    hook = world.remote / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(REVIEWER)
    hook.chmod(0o755)
    return world


def branches(world):
    return world.git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()


def test_a_creator_and_a_destroyer_stopped_before_their_push_leave_nothing(stage, world):
    assert proof(stage, verb="create", step="push").status == "destroyed"
    assert proof(stage, verb="destroy", step="push").status == "destroyed"
    assert sorted(world.files()) == ["README.md"]
    assert [line.partition(" ")[0] for line in world.commits()] == ["Destroy", "Create"] * 2 + ["Begin"]


def test_whoever_changes_an_environment_and_is_stopped_before_the_push_changes_nothing_afterwards(stage, world):
    stage.arguments["update"] = ({"parameters": {"replicas": 3}}, {"parameters": {"replicas": 5}})
    wishes = [{"release": release(stage.demo, number).as_spec()} for number in ("1.1.0", "1.2.0")]
    stage.arguments["deploy"] = (wishes[0], wishes[1])
    environment = proof(stage, verb="update", step="push")
    environment = proof(stage, verb="deploy", step="push", environment=environment)
    environment = proof(stage, verb="suspend", step="push", environment=environment)
    finished(ask(stage.demo, environment, "suspend"))
    environment.refresh_from_db()
    environment = proof(stage, verb="resume", step="push", environment=environment)
    assert (environment.status, environment.parameters, environment.release["version"]) == (
        "suspended",
        {"replicas": 5},
        "1.2.0",
    )
    assert "replicas: 5" in world.files()[FILE]
    assert "example.org/web:1.2.0" in world.files()[FILE]


def test_a_mender_stopped_before_its_push_repeats_nothing(stage, world):
    environment = finished(requested(stage.demo)).environment
    environment.refresh_from_db()
    world.commit({FILE: None})
    assert proof(stage, verb="reconcile", step="push", environment=environment).status == "ready"
    assert [line.partition(" ")[0] for line in world.commits()] == ["Bring", "By", "Create", "Begin"]


def test_a_worker_stopped_while_it_takes_its_commit_back_leaves_nothing(stage, world):
    assert proof_of_undo(stage, step="push", failing="push").status == "destroyed"
    assert [line.partition(" ")[0] for line in world.commits()] == ["Undo:", "Create", "Begin"]


@pytest.mark.parametrize("step", ["push", "merge"])
def test_a_creator_stopped_before_it_offers_or_withdraws_a_branch_leaves_none(stage, reviewed, step):
    assert proof(stage, verb="create", step=step).status == "destroyed"
    assert branches(reviewed) == ["main"]
    assert sorted(reviewed.files()) == ["README.md"]


def test_a_worker_stopped_while_it_withdraws_what_nobody_merged_leaves_no_branch(stage, reviewed):
    (reviewed.remote / "hooks" / "post-receive").unlink()
    assert proof_of_undo(stage, step="push", failing="push").status == "destroyed"
    assert (branches(reviewed), reviewed.commits()) == (["main"], ["Begin"])
