"""The door to Vault: values stay masked, writes are conditional, errors are typed."""

import copy
import json
import pickle

import pytest

from provisioning import vault
from provisioning.drivers.base import DriverRejected, DriverUnavailable
from provisioning.vault import Secret, Vault
from provisioning.vault_errors import VaultConflict, VaultDenied, VaultUnavailable
from tests.processes import free_port

PATH = "env/vault-tests/one"


@pytest.fixture
def door():
    found = vault.from_settings()
    found.kv_destroy_all(PATH)
    yield found
    found.kv_destroy_all(PATH)


@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda s: f"{s}", lambda s: f"{[s]}", "%s".__mod__])
def test_f1_a_secret_is_masked_wherever_it_is_printed(show):
    assert "hunter2" not in show(Secret("hunter2"))


@pytest.mark.parametrize("leak", [pickle.dumps, json.dumps, copy.copy, copy.deepcopy, hash])
def test_f1_a_secret_cannot_be_carried_off(leak):
    with pytest.raises(TypeError):
        leak(Secret("hunter2"))


def test_a_secret_compares_by_value():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


@pytest.mark.servers
def test_f1_a_version_is_written_only_over_the_one_expected(door):
    assert door.kv_put(PATH, {"password": Secret("one")}, cas=0) == 1
    with pytest.raises(VaultConflict):
        door.kv_put(PATH, {"password": Secret("two")}, cas=0)
    assert door.kv_get(PATH).values["password"].reveal() == "one"
    assert door.kv_put(PATH, {"password": Secret("two")}, cas=1) == 2
    assert door.kv_version(PATH) == 2
    assert door.kv_get(PATH, version=1).values["password"].reveal() == "one"
    assert door.kv_list("env/vault-tests") == ("one",)


@pytest.mark.servers
def test_f1_nothing_is_left_after_destroy_all(door):
    door.kv_put(PATH, {"password": Secret("one")})
    door.kv_destroy_all(PATH)
    assert (door.kv_get(PATH), door.kv_version(PATH), door.kv_list("env/vault-tests")) == (None, None, ())


@pytest.mark.servers
def test_what_the_workers_role_may_not_do_is_denied(door):
    with pytest.raises(VaultDenied, match="Vault refused other"):
        door.policy_put("other", "")
    assert issubclass(VaultDenied, DriverRejected)


@pytest.mark.servers
def test_f1_a_revoked_token_is_replaced_without_anyone_noticing(door):
    assert door.kv_get(PATH) is None
    door._client.auth.token.revoke_self()
    assert door.kv_put(PATH, {"password": Secret("one")}) == 1


@pytest.mark.servers
def test_equal_values_have_equal_keyed_hashes(door):
    assert door.transit_hmac(b"one") == door.transit_hmac(b"one") != door.transit_hmac(b"two")
    assert door.health() is True


def test_a_vault_out_of_reach_is_unavailable_soon(tmp_path):
    (tmp_path / "token").write_text("none")
    lost = Vault(f"http://127.0.0.1:{free_port()}", token_file=str(tmp_path / "token"), timeout_s=0.5)
    with pytest.raises(VaultUnavailable, match="does not answer"):
        lost.kv_get(PATH)
    assert lost.health() is False
    assert issubclass(VaultUnavailable, DriverUnavailable)


def test_a_missing_credentials_file_is_said(tmp_path):
    lost = Vault("http://127.0.0.1:1", role_id="x", secret_id_file=str(tmp_path / "none"))
    with pytest.raises(VaultUnavailable, match="credentials file cannot be read"):
        lost.role_id("x")
