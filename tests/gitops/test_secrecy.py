"""No secret value goes into Git, into a plan, onto a disk or a command line."""

import json
import subprocess
from dataclasses import asdict

import pytest
import yaml

from provisioning import redaction
from provisioning.drivers.base import DriverRejected
from provisioning.drivers.gitops import documents, keys
from provisioning.drivers.gitops.place import place_of
from provisioning.vault import Secret
from tests.gitops.world import DEPLOYMENT, RESOURCES

FOLDER = "environments/dev/shop"
VALUE = "correct-horse-battery"


def manifest(**fields):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, **fields}


def with_variable(name, value):
    text = json.dumps(DEPLOYMENT)
    found = json.loads(text)
    found["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": name, "value": value}]
    return found


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({**manifest(stringData={"a": VALUE}), "kind": "Secret"}, "a Secret with values may not stand in Git"),
        (manifest(data={"DB_PASSWORD": VALUE}), "data.DB_PASSWORD is given as a value"),
        (with_variable("API_TOKEN", VALUE), "env.0.value is given as a value"),
        (manifest(data={"clientSecret": VALUE}), "data.clientSecret is given as a value"),
        (manifest(data={"url": "postgres://u:hunter2hunter2@db/x"}), "data.url looks like a secret value"),
    ],
)
def test_a_value_that_looks_like_a_secret_is_refused(world, bad, sentence):
    spec = world.spec(resources={**RESOURCES, "manifests": [bad]})
    with pytest.raises(DriverRejected, match=sentence) as refused:
        world.plan(spec, "create")
    assert VALUE not in str(refused.value)
    assert world.commits() == ["Begin"]
    assert any(sentence in problem for problem in world.driver.problems(spec.resources))


def test_a_secret_that_this_process_knows_is_refused_wherever_it_stands(world):
    known = redaction.learn("zxcvbnm-12345")
    spec = world.spec(resources={"manifests": [manifest(data={"note": f"see {known}"})]})
    with pytest.raises(DriverRejected, match=r"data\.note looks like a secret value"):
        world.plan(spec, "create")


@pytest.mark.parametrize(
    "good",
    [
        with_variable("LOG_LEVEL", "debug"),
        manifest(spec={"secretKeyRef": {"name": "db", "key": "password"}}),
        manifest(spec={"data": [{"secretKey": "password", "remoteRef": {"key": "env/shop", "property": "password"}}]}),
        manifest(spec={"automountServiceAccountToken": False}),
    ],
)
def test_a_reference_to_a_secret_is_no_secret(good):
    assert list(documents.secrets_in(good)) == []


def test_the_template_names_a_secret_by_its_path(world):
    wanted = manifest(data={"path": "kv/${secrets.database}"})
    world.carry_out(world.spec(resources={"manifests": [wanted]}), "create")
    assert yaml.safe_load(world.files()[f"{FOLDER}/configmap-settings.yaml"])["data"]["path"] == "kv/env/shop/database"


def test_a_target_with_a_store_gets_an_external_secret_for_each_secret(world):
    world.config["secret_store"] = {"name": "vault"}
    world.carry_out(world.spec(), "create")
    found = yaml.safe_load(world.files()[f"{FOLDER}/externalsecret-database.yaml"])
    assert found["spec"]["dataFrom"] == [{"extract": {"key": "kv/env/shop/database"}}]
    assert found["spec"]["secretStoreRef"] == {"name": "vault", "kind": "ClusterSecretStore"}


def test_a_secret_that_a_stranger_committed_is_not_shown(world):
    spec = world.spec()
    world.carry_out(spec, "create")
    leak = yaml.safe_dump({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "stringData": {"a": VALUE}})
    world.commit({f"{FOLDER}/leak.yaml": leak.encode()})
    plan = world.plan(spec, "reconcile")
    assert [(change.address, change.action) for change in plan.changes] == [(f"file:{FOLDER}/leak.yaml", "destroy")]
    said = json.dumps([asdict(change) for change in plan.changes]) + repr(world.driver.observe(spec))
    assert VALUE not in said


def test_the_signing_key_lies_on_tmpfs_for_the_call_alone(world, monkeypatch):
    seen = []
    real = subprocess.run

    def watched(command, **given):
        if "commit-tree" in command:
            path = given["env"]["GIT_CONFIG_VALUE_1"]
            seen.append((path.startswith("/dev/shm/berth-gitops-"), oct(keys.Path(path).stat().st_mode & 0o777)))
        assert "PRIVATE KEY" not in " ".join(map(str, command))
        return real(command, **given)

    monkeypatch.setattr(subprocess, "run", watched)
    world.carry_out(world.spec(), "create")
    assert seen == [(True, "0o600")]
    assert list(keys.MEMORY.glob(f"{keys.PREFIX}{keys.os.getpid()}-*")) == []


def test_what_a_killed_worker_left_on_tmpfs_is_removed_by_the_next():
    left = keys.MEMORY / f"{keys.PREFIX}999999999-x"
    left.mkdir()
    with keys.memory():
        assert not left.exists()


def test_an_https_token_goes_to_its_address_alone_and_not_into_the_command(world):
    world.config["repository"] = "https://git.example.org/environments.git"
    place = place_of(world.target)
    with keys.transport(place, {"https_token": Secret("t0ken-of-the-repository")}) as extra:
        assert extra["GIT_CONFIG_KEY_0"] == "http.https://git.example.org/environments.git.extraHeader"
        assert extra["GIT_CONFIG_VALUE_0"].startswith("Authorization: Basic ")
    assert redaction.KNOWN(extra["GIT_CONFIG_VALUE_0"]) != extra["GIT_CONFIG_VALUE_0"]


def test_a_deploy_key_trusts_the_named_hosts_and_no_others(world):
    world.config |= {"repository": "ssh://git@git.example.org/x.git", "known_hosts": "git.example.org ssh-ed25519 AAAA"}
    with keys.transport(place_of(world.target), {"deploy_key": Secret("KEY")}) as extra:
        command = extra["GIT_SSH_COMMAND"]
        assert "StrictHostKeyChecking=yes" in command
        assert "KEY" not in command


def test_no_commit_without_the_signature_that_the_target_asks_for(world):
    del world.credentials["signing_key"]
    with pytest.raises(DriverRejected, match="hold no signing_key, and its commits must be signed"):
        world.carry_out(world.spec(), "create")
    assert world.commits() == ["Begin"]
    world.config["signing"] = "none"
    world.carry_out(world.spec(), "create")
    assert world.commits() == ["Create shop in dev", "Begin"]
