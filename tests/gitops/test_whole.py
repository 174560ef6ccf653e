"""The engine carries environments out by GitOps: plan, claim, commit, suspend, roll back, destroy, drift."""

from pathlib import Path

import pytest

from audit.context import context
from catalog import reading, seed, strict_yaml
from provisioning import vault
from provisioning.models import Operation, Target
from provisioning.vault import Secret
from tests import people
from tests.provisioning.engine import ask, drain, ready

EXAMPLE = Path(__file__).parents[2] / "examples" / "gitops" / "small-service"
FOLDER = "environments/dev/payments-api-dev"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.servers]


@pytest.fixture
def installed(world):
    """The example template, its target registered, the signing key in Vault."""
    world.config["secret_store"] = {"name": "vault"}
    with context(by="system:test"):
        Target.objects.create(
            slug="environments",
            name="Environments",
            driver="gitops",
            config=dict(world.target.config),
            credentials="targets/environments",
        )
    key = {"signing_key": Secret(world.credentials["signing_key"].reveal())}
    vault.from_settings().kv_put("targets/environments", key)
    spec = strict_yaml.load((EXAMPLE / "template.yaml").read_text(), file="template.yaml").value
    world.demo = people.make(driver="gitops")
    with context(by="system:test"):
        parts = {name: spec[name] for name in ("parameters", "resources", "secrets", "target")}
        world.demo.version = people.make_version(driver="gitops", number="2.0.0", digest="sha256:" + "b" * 64, **parts)
    return world


def carried(world, environment, kind, **arguments):
    """An operation asked for and worked off; its status and what stopped it."""
    operation = ask(world.demo, environment, kind, **arguments)
    drain()
    found = Operation.objects.get(pk=operation.pk)
    environment.refresh_from_db()
    return found.status, found.error


def test_the_example_template_can_be_published(world):
    files = {f"small-service/{file.name}": file.read_bytes() for file in EXAMPLE.iterdir()}
    commit = seed.commit(world.remote, files)
    found = reading.read_commit(world.remote, commit)
    assert [str(problem) for problem in found.problems] == []
    assert [template.slug for template in found.templates] == ["small-service"]


def test_an_environment_lives_in_git_from_creation_to_destruction(installed):
    environment = ready(installed.demo, parameters={"replicas": 2, "log_level": "info"})
    assert installed.commits() == ["Create payments-api-dev in dev", "Begin"]
    assert installed.verified("main")
    assert environment.outputs["path"] == FOLDER
    assert carried(installed, environment, "suspend") == ("succeeded", "")
    assert carried(installed, environment, "resume") == ("succeeded", "")
    assert carried(installed, environment, "destroy") == ("succeeded", "")
    assert sorted(installed.files()) == ["README.md"]
    assert installed.commits()[0] == "Destroy payments-api-dev in dev"


def test_a_change_there_and_back_gives_the_same_files(installed):
    environment = ready(installed.demo, parameters={"replicas": 2, "log_level": "info"})
    tree = installed.git("rev-parse", f"main:{FOLDER}")
    for replicas in (3, 2):
        wanted = {"parameters": {"replicas": replicas, "log_level": "info"}}
        assert carried(installed, environment, "update", arguments=wanted) == ("succeeded", "")
    assert installed.git("rev-parse", f"main:{FOLDER}") == tree
