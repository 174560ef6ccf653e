"""The container files without an engine: the specification's schema, the commands, and our rules for every service.

What of them can be run by itself is run in test_deploy.py.
"""

import importlib
import importlib.util
import json
import re
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from celery.app.utils import find_app
from django.core.management import get_commands, load_command_class

from deploy import healthy
from portal.celery import app
from portal.embedded.children import table

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
ONCE = {"roles", "migrate", "vault"}
OURS = sorted(name for name, service in SERVICES.items() if service["image"] == "berth:local")
every_service = pytest.mark.parametrize("name", sorted(SERVICES))
every_one_of_ours = pytest.mark.parametrize("name", OURS)


def test_the_file_obeys_the_compose_specification() -> None:
    schema = json.loads((ROOT / "tests" / "data" / "compose-spec.json").read_text())
    found = jsonschema.Draft201909Validator(schema).iter_errors(COMPOSE)
    assert [f"{list(error.path)}: {error.message}" for error in found] == []


def test_the_schema_would_notice_a_wrong_key() -> None:
    schema = json.loads((ROOT / "tests" / "data" / "compose-spec.json").read_text())
    broken = {"services": {"web": {"image": "x", "helthcheck": {}}}}
    assert not jsonschema.Draft201909Validator(schema).is_valid(broken)


def test_every_part_of_the_portal_is_a_service() -> None:
    parts = {
        "postgres",
        "broker",
        "data",
        "openbao",
        "web",
        "streams",
        "worker-1",
        "worker-2",
        "beat",
        "sandbox",
        "router",
    }
    assert set(SERVICES) == parts | ONCE


@every_service
def test_a_service_runs_without_root_and_cannot_write_its_image(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@every_service
def test_a_service_that_stays_has_a_health_check_and_one_that_ends_has_none(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
    if name in ONCE:
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


@every_service
def test_what_a_service_waits_for_can_come_true(name: str) -> None:
    for other, wanted in SERVICES[name].get("depends_on", {}).items():
        ends = "service_completed_successfully"
        assert wanted["condition"] == (ends if other in ONCE else "service_healthy")


def test_no_service_waits_for_itself_by_a_detour() -> None:
    waits = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    while ready := {name for name, others in waits.items() if not others}:
        waits = {name: others - ready for name, others in waits.items() if name not in ready}
    assert waits == {}


def test_named_volumes_and_networks_are_declared_and_used() -> None:
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])]
    assert {mount for mount in mounts if not mount.startswith(".")} == set(COMPOSE["volumes"])
    assert {net for service in SERVICES.values() for net in service.get("networks", [])} == set(COMPOSE["networks"])
    assert [mount for mount in mounts if mount.startswith(".") and not (ROOT / mount).exists()] == []


def test_a_shared_network_belongs_to_a_service_that_is_waited_for() -> None:
    shared = {name: service["network_mode"] for name, service in SERVICES.items() if "network_mode" in service}
    assert shared == {
        "streams": "service:web",
        "router": "service:sandbox",
        "worker-1": "service:sandbox",
        "worker-2": "service:sandbox",
    }
    for name, mode in shared.items():
        assert mode.removeprefix("service:") in SERVICES[name]["depends_on"]
        assert not {"networks", "ports"} & set(SERVICES[name])


def test_only_the_front_door_is_published_and_only_on_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"sandbox"}
    assert all(port.startswith("127.0.0.1:") for port in published["sandbox"])
    assert COMPOSE["networks"]["back"] == {"internal": True}


def test_no_secret_stands_in_the_file() -> None:
    assert re.findall(r"(\w*(?:PASSWORD|SECRET|_KEY)\w*): (?!\$\{)\S", TEXT) == ["VAULT_SECRET_ID_FILE"]
    assert re.findall(r"://\w+:(?!\$\{\w+:\?)[^@\s]+@", TEXT) == []


def test_every_variable_of_the_file_is_in_the_example_and_the_other_way_round() -> None:
    used = set(re.findall(r"\$\{(\w+)", TEXT))
    example = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used == example
    assert set(re.findall(r"\$\{(\w+):\?([^}]*)\}", TEXT)) == {
        (name, f"Set {name} in .env")
        for name in re.findall(r"^(\w+)=$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    }


@pytest.mark.filterwarnings("ignore:No directory at")
@every_one_of_ours
def test_the_command_of_a_service_exists(name: str) -> None:
    command = SERVICES[name]["command"]
    if command[0] == "manage.py":
        parser = load_command_class(get_commands()[command[1]], command[1]).create_parser("manage.py", command[1])
        parser.parse_args(command[2:])
    else:
        assert command[0] == "-m"
        assert importlib.util.find_spec(command[1])
        module, _, attribute = next(part for part in command[2:] if part.startswith("portal")).partition(":")
        if command[1] == "celery":
            assert find_app(module) is app
        else:
            assert hasattr(importlib.import_module(module), attribute or "application")


@pytest.mark.parametrize("child", table(Path("var"), 1, 2), ids=lambda child: child.name)
def test_every_process_of_up_runs_here_too(child: Any) -> None:
    commands = [SERVICES[name]["command"] for name in OURS]
    module = [
        word for word in child.arguments if word in {"gunicorn", "uvicorn", "worker", "beat", "sandboxd", "router"}
    ]
    assert any(set(module) <= set(command) for command in commands)


@every_one_of_ours
def test_a_service_sees_only_the_secrets_it_uses(name: str) -> None:
    sees = set(SERVICES[name]["environment"])
    assert ("DATABASE_OWNER_URL" in sees) == (name in {"migrate", "roles"})
    assert ("ADMIN_DATABASE_URL" in sees) == (name == "roles")
    assert ("BERTH_SETUP_SECRET" in sees) == (name == "vault")
    assert ("SANDBOX_DATABASE_URL" in sees) == (name in {"worker-1", "worker-2", "sandbox", "roles"})
    assert ("VAULT_SECRET_ID_FILE" in sees) == (name in {"worker-1", "worker-2", "sandbox", "web", "vault"})


@every_one_of_ours
def test_who_reads_the_secret_id_mounts_it_and_only_one_writes_it(name: str) -> None:
    service = SERVICES[name]
    mount = [volume for volume in service.get("volumes", []) if volume.startswith("vault-secret:")]
    reads = "VAULT_SECRET_ID_FILE" in service["environment"]
    assert mount == ([f"vault-secret:/run/berth{'' if name == 'vault' else ':ro'}"] if reads else [])


def test_the_image_runs_without_root_and_has_a_health_check() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert DOCKERFILE.index("\nUSER ") < DOCKERFILE.index("\nENTRYPOINT ")
    assert "\nHEALTHCHECK " in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE
    assert "requirements-dev" not in DOCKERFILE
    assert {SERVICES[name]["user"] for name in OURS} == {"10001:10001"}


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    copied = [shlex.split(line)[1:-1] for line in re.findall(r"^COPY (?!--from).+$", DOCKERFILE, re.MULTILINE)]
    assert [name for names in copied for name in names if not (ROOT / name).exists()] == []
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    apps = {path.parent.name for path in ROOT.glob("*/apps.py")}
    assert apps | {"manage.py", "requirements.txt", "templates", "static", "deploy/healthy.py"} <= kept
    assert kept & {"tests", "var", ".env", ".git"} == set()


def test_health_checks_call_the_script_with_words_it_knows() -> None:
    for service in SERVICES.values():
        test = service["healthcheck"].get("test", [])
        if "deploy/healthy.py" in test:
            assert test[3] in healthy.CHECKS
