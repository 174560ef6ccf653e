"""What is said of a module at publishing, how values are written, and what a plan tells. Nothing is run here."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from catalog import git, seed
from catalog.reading import read_files
from provisioning.drivers.base import Change, DriverRejected, TargetSpec
from provisioning.drivers.registry import driver
from provisioning.drivers.terraform import binary, changes, module, surroundings, variables
from tests.contract.harness import Harness
from tests.processes import ROOT

EXAMPLE = ROOT / "examples/terraform/terraform-database"


def _problems(**files: str) -> tuple[str, ...]:
    return module.problems({"module": {"files": {name.replace("_tf", ".tf"): text for name, text in files.items()}}})


def test_the_shipped_template_can_be_published():
    files = {f"terraform-database/{path.name}": path.read_bytes() for path in EXAMPLE.iterdir()}
    templates, problems = read_files(files)
    assert (problems, [template.label for template in templates]) == ([], ["terraform-database 1.0.0"])


def test_a_missing_binary_is_a_clear_problem_at_publishing(monkeypatch, settings):
    monkeypatch.setenv("PATH", "/nowhere")
    files = {f"terraform-database/{path.name}": path.read_bytes() for path in EXAMPLE.iterdir()}
    _, problems = read_files(files)
    assert [problem.reason for problem in problems] == [binary.MISSING]
    settings.BERTH = dataclasses.replace(settings.BERTH, terraform="/opt/none")
    assert binary.problem() == "BERTH_TERRAFORM names /opt/none, which is no program here."


def test_a_module_without_files_of_its_own_is_refused():
    assert _problems(README="x") == ("the module has no .tf file",)
    assert _problems(main_tf="", berth_x_tf="") == ("the file berth_x.tf is written by Berth itself",)
    assert module.problems({"module": {"git": "http://x", "commit": "a" * 40}}) == (
        "The address must begin with https:// or ssh://.",
    )


def test_a_value_for_a_variable_that_is_not_declared_is_a_problem():
    resources = {"module": {"files": {"main.tf": 'variable "known" {}'}}, "variables": {"known": 1, "other": 2}}
    assert module.problems(resources) == ("the module declares no variable other",)


@pytest.mark.parametrize("path", ["../x.tf", "/etc/x.tf", "a/../../x.tf", ".ssh/x", "a//b.tf", ""])
def test_a_file_outside_of_the_module_has_no_name(path):
    resources = {"module": {"files": {path: ""}}}
    assert not Draft202012Validator(driver("terraform").template_schema).is_valid(resources)


def test_values_are_written_as_they_are():
    values = variables.Values({"a": 'x ${y} %{z} "q" \\ \n\b\f ü', "b": [1, True, None], "c": {"k-1": "v"}})
    with variables.in_memory(values) as descriptor:
        text = Path(f"/dev/fd/{descriptor}").read_text()
    first, *rest = text.splitlines()
    assert first == r'a = "x $${y} %%{z} \"q\" \\ \n\u0008\u000c ü"'
    assert rest == ["b = [1, true, null]", 'c = {"k-1" = "v"}']


def test_a_target_may_not_take_over_the_surroundings():
    spec = Harness.blank("x", target=TargetSpec("t", {"environment": {"TF_CLI_ARGS": "a"}}, "targets/t"))
    with pytest.raises(DriverRejected, match="may not set TF_CLI_ARGS"):
        surroundings.environment(spec, Path("/x"), None)


def test_a_backend_that_keeps_secrets_in_clear_is_named():
    assert "in clear" in surroundings.warning("pg")
    assert "cannot fence" in surroundings.warning("s3")
    assert surroundings.warning("") == ""


@pytest.fixture
def repository(settings, tmp_path):
    """A repository with a module in a folder; its address and commit."""
    settings.BERTH = dataclasses.replace(settings.BERTH, var=tmp_path)
    files = {"modules/db/main.tf": b'variable "size" {}', "modules/db/sub/x.tf": b"", "other/main.tf": b"nothing"}
    place = tmp_path / "modules.git"
    place.mkdir()
    git.run(place, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(place))
    commit = seed.commit(place, files)
    seed.commit(place, {"modules/db/main.tf": b"later"})
    return {"git": place.as_uri(), "commit": commit, "path": "modules/db"}


def test_a_module_of_a_repository_is_that_commit_and_folder(repository):
    found = module.of({"module": repository})
    assert dict(found.files) == {"main.tf": b'variable "size" {}', "sub/x.tf": b""}
    assert found.variables == {"size"}
    shutil.rmtree(Path(repository["git"].removeprefix("file://")))
    assert module.of({"module": repository}) == found


def test_a_commit_or_folder_that_is_not_there_is_refused(repository):
    with pytest.raises(DriverRejected):
        module.of({"module": {**repository, "path": "nowhere"}})
    with pytest.raises(DriverRejected):
        module.of({"module": {**repository, "commit": "0" * 40}})


VEIL = changes.Veil(lambda raw: f"key:{len(raw)}", ["hidden-word"])


def _shown(**change):
    base = {"actions": ["update"], "before": {}, "after": {}, "before_sensitive": False, "after_sensitive": False}
    return {"resource_changes": [{"address": "a.b", "mode": "managed", "change": {**base, **change}}]}


def test_sensitive_leaves_and_what_holds_a_given_secret_are_keyed():
    shown = _shown(
        before={"password": "old", "list": ["x", "y"], "plain": 1},
        before_sensitive={"password": True, "list": [False, True]},
        after={"password": "new1", "list": ["x", "y"], "plain": "has hidden-word in it"},
        after_sensitive={"password": True, "list": [False, True]},
    )
    (change,) = changes.of_plan(shown, VEIL)
    assert change.before == {"password": "sensitive key:5", "list": ["x", "sensitive key:3"], "plain": 1}
    assert change.after["plain"] == "sensitive key:23"


def test_what_is_known_only_later_is_named_and_left_out():
    shown = _shown(after={"a": 1}, after_unknown={"id": True, "deep": {"x": True}, "list": [False, True]})
    (change,) = changes.of_plan(shown, VEIL)
    assert change.unknown == ("deep.x", "id", "list.1")


def test_reading_and_leaving_alone_are_no_changes():
    assert changes.of_plan(_shown(actions=["no-op"]), VEIL) == []
    assert changes.of_plan(_shown(actions=["read"]), VEIL) == []
    assert [c.action for c in changes.of_plan(_shown(actions=["delete", "create"]), VEIL)] == ["replace"]


def _one(action="create", after=None, unknown=()):
    return [Change("a.b", action, None, after, unknown)]


def test_only_what_was_agreed_is_inside_a_locked_plan():
    locked = _one(after={"x": 1}, unknown=("id",))
    assert changes.outside(locked, _one(after={"x": 1, "id": "now known"})) == []
    assert changes.outside(locked, _one("replace", after={"x": 1}, unknown=("id",))) == []
    assert changes.outside(locked, _one(after={"x": 2}, unknown=("id",))) == ["a.b"]
    assert changes.outside(locked, _one(after={"x": 1}, unknown=("id", "x"))) == ["a.b"]
    assert changes.outside(locked, _one("destroy")) == ["a.b"]
    assert changes.outside(locked, [Change("c.d", "create", None, {})]) == ["c.d"]


def test_a_plan_can_be_written_down_as_json():
    shown = json.loads(json.dumps(_shown(after={"n": 1.5})), parse_float=str)
    (change,) = changes.of_plan(shown, VEIL)
    assert change.after == {"n": "1.5"}
