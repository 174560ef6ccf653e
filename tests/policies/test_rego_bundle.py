"""What keeps a bundle out of force, what its digest covers, and the shipped bundle's own tests."""

import shutil
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from policies.bundle import Bundle, Refusal, activate
from policies.engine import SHIPPED
from policies.management.commands.policy_test import Command

META = 'meta := {"id": "%s", "severity": "%s", "title": "t", "waiver": "w"}\n'
GOOD = f"""package berth.mine

{META % ("my.rule", "block")}
findings contains {{"field": "x", "value": 1, "message": "m", "fix": "f", "who": "w"}} if input.x == 1
"""
GOOD_TEST = """package tests.mine

import data.ruling

test_one_is_found if {
	result := ruling.result with input as {"x": 1}
	count(result.findings) == 1
}
"""


@pytest.fixture
def write(tmp_path):
    """Write a bundle of the shipped entry, a good rule with its test, and the given files over them."""

    def write_files(**files):
        shutil.copy(SHIPPED / "ruling.rego", tmp_path)
        for name, source in {"mine": GOOD, "mine_test": GOOD_TEST, **files}.items():
            (tmp_path / f"{name}.rego").write_text(source)
        return tmp_path

    return write_files


def problems(path):
    outcome = activate(path)
    assert isinstance(outcome, Refusal), outcome
    return outcome.problems


def test_c3_the_shipped_bundle_passes_its_tests_and_every_line_is_reached():
    outcome = activate(SHIPPED)
    assert isinstance(outcome, Bundle), outcome
    assert len(outcome.rules) == 18
    assert {rule.severity for rule in outcome.rules} == {"block", "soft", "warn"}


def test_each_shipped_rule_has_a_file_a_test_that_finds_and_a_test_that_finds_nothing():
    for rule in activate(SHIPPED).rules:
        name = rule.id.replace(".", "_")
        assert f"package berth.{name}\n" in (SHIPPED / f"{name}.rego").read_text()
        tests = (SHIPPED / f"{name}_test.rego").read_text()
        assert "count(found) == 0" in tests
        assert "count(found) == 1" in tests


def test_a_good_bundle_comes_into_force(write):
    outcome = activate(write())
    assert isinstance(outcome, Bundle), outcome
    assert [rule.id for rule in outcome.rules] == ["my.rule"]
    assert outcome.tests == ("data.tests.mine.test_one_is_found",)
    assert [name for name, _ in outcome.files] == ["mine.rego", "ruling.rego"]


def test_a_syntax_error_is_refused_with_file_and_line(write):
    [problem] = problems(write(mine="package berth.mine\n\nfindings contains {\n"))
    assert problem.startswith("mine.rego:4:1: ")
    assert "\n" not in problem


def test_an_unsafe_variable_is_refused(write):
    [problem] = problems(write(mine=GOOD.replace("input.x == 1", "y == 1")))
    assert problem.endswith("use of undefined variable `y` is unsafe")
    assert "mine.rego:5:" in problem


def test_an_undefined_function_is_refused(write):
    assert problems(write(mine=GOOD.replace("input.x == 1", "nosuch(input.x)"))) == (
        "mine.rego:5: nosuch is neither allowed nor defined here.",
    )


@pytest.mark.parametrize(
    "call",
    [
        'http.send({"method": "get", "url": "http://127.0.0.1"})',
        'http["send"]({"method": "get"})',
        "time.now_ns()",
        'rand.intn("x", 10)',
        'uuid.rfc4122("x")',
        "opa.runtime()",
        'net.lookup_ip_addr("localhost")',
        'trace("x")',
        "print(1)",
        "crypto.sha256(input.x)",
        "rego.metadata.rule()",
        'io.jwt.decode("x")',
    ],
)
def test_a_call_that_is_not_a_pure_function_is_refused(write, call):
    [problem] = problems(write(mine=GOOD.replace("input.x == 1", f"{call} != null")))
    assert problem.startswith("mine.rego:5: ")
    assert problem.endswith("is neither allowed nor defined here.")


def test_a_call_hidden_in_a_comprehension_of_a_test_is_refused(write):
    hidden = GOOD_TEST.replace("count(result.findings) == 1", "count([x | x := time.now_ns()]) == 1")
    assert problems(write(mine_test=hidden)) == ("mine_test.rego:7: time.now_ns is neither allowed nor defined here.",)


@pytest.mark.parametrize("target", ["count", "data.ruling.result", "http.send"])
def test_with_may_replace_the_input_only(write, target):
    swapped = GOOD_TEST.replace('with input as {"x": 1}', f'with input as {{"x": 1}} with {target} as time.now_ns')
    [problem] = problems(write(mine_test=swapped))
    assert problem == "mine_test.rego:6: `with` may replace the input only."


def test_an_import_may_not_take_the_name_of_a_builtin_namespace(write):
    source = "package lib\n\nsend(x) := x\n"
    mine = GOOD.replace("\n\n", "\n\nimport data.lib as http\n\n", 1).replace("input.x == 1", "http.send(input.x) == 1")
    assert problems(write(lib=source, mine=mine)) == ("mine.rego: an import may not be called http.",)


def test_a_function_of_the_bundle_may_be_called_by_its_import(write):
    mine = GOOD.replace("\n\n", "\n\nimport data.lib as mylib\n\n", 1).replace(
        "input.x == 1", "mylib.same(input.x) == 1"
    )
    assert isinstance(activate(write(lib="package lib\n\nsame(x) := x\n", mine=mine)), Bundle)


def test_a_bundle_whose_own_test_fails_is_refused(write):
    wrong = GOOD_TEST.replace("== 1\n", "== 2\n")
    assert problems(write(mine_test=wrong)) == ("tests.mine.test_one_is_found: is not true",)


def test_a_rule_that_no_test_reaches_is_refused(write):
    more = GOOD + 'findings contains {"field": "z"} if {\n\tinput.z == 1\n\tinput.y == 2\n}\n'
    assert problems(write(mine=more)) == (
        "mine.rego:6: no test reaches this line, or what it says can never be.",
        "mine.rego:8: no test reaches this line, or what it says can never be.",
    )


@pytest.mark.parametrize("never", ["input.x == 2", "false", "{ input.x == 1; input.x == 2 }"])
def test_a_rule_on_one_line_that_can_never_fire_is_refused(write, never):
    more = GOOD + f'\nfindings contains {{"field": "z"}} if {never}\n'
    assert problems(write(mine=more)) == ("mine.rego:7: no test reaches this line, or what it says can never be.",)


def test_a_rule_that_never_ends_is_stopped_and_refused(write, monkeypatch):
    monkeypatch.setattr("policies.pool.LOAD_SECONDS", 0.5)
    endless = "count([1 | some a in numbers.range(1, 9999999); some b in numbers.range(1, 9999999); a > b]) > input.x"
    [problem] = problems(write(mine=GOOD.replace("input.x == 1", endless)))
    assert problem == "The evaluation did not end within 500 ms."


def test_a_bundle_without_tests_is_refused(write):
    assert problems(write(mine_test="package tests.mine\n")) == ("The bundle has no tests.",)


def test_an_empty_directory_is_refused(tmp_path):
    assert problems(tmp_path) == (f"There are no policies in {tmp_path.name}.",)


def test_a_symbolic_link_is_refused(write):
    path = write()
    (path / "passwd.rego").symlink_to("/etc/passwd")
    assert problems(path) == ("The bundle cannot be read: symbolic links are not followed.",)


@pytest.mark.parametrize(
    ("meta", "problem"),
    [
        (META % ("my.rule", "hint"), "berth.mine: the severity must be block, soft or warn."),
        ('meta := {"id": "my.rule"}\n', "berth.mine: `meta` must give id, severity, title and waiver."),
    ],
)
def test_a_rule_must_say_what_it_is(write, meta, problem):
    source = GOOD.replace(META % ("my.rule", "block"), meta)
    test = GOOD_TEST.replace("import data.ruling", "import data.berth.mine").replace("ruling.result with", "mine with")
    path = write(mine=source, mine_test=test + '\ntest_entry if data.ruling.result with input as {"x": 1}\n')
    assert problem in problems(path)


def test_an_id_used_twice_is_refused(write):
    twin = GOOD.replace("berth.mine", "berth.twin")
    test = GOOD_TEST.replace("count(result.findings) == 1", "count(result.findings) > 0")
    assert problems(write(twin=twin, mine_test=test)) == ("berth.twin: the id my.rule is used twice.",)


def test_an_entry_that_leaves_a_rule_out_is_refused(write):
    path = write(
        twin=GOOD.replace("berth.mine", "berth.twin").replace("my.rule", "my.twin"),
        twin_test=GOOD_TEST.replace("tests.mine", "tests.twin")
        .replace("ruling", "berth.twin")
        .replace("berth.twin.result", "twin"),
    )
    entry = (path / "ruling.rego").read_text()
    (path / "ruling.rego").write_text(entry.replace("data.berth", "{data.berth.mine}"))
    assert problems(path) == ("The entry ruling.rules does not gather exactly the rules of the bundle.",)


def test_the_digest_covers_paths_and_contents_but_not_the_tests(write):
    path = write()
    first = activate(path).digest
    (path / "mine_test.rego").write_text(GOOD_TEST + "# said again\n")
    assert activate(path).digest == first
    (path / "mine.rego").write_text(GOOD + "# said again\n")
    second = activate(path).digest
    (path / "mine.rego").rename(path / "yours.rego")
    third = activate(path).digest
    assert len({first, second, third}) == 3
    assert first.startswith("sha256:")


def test_the_command_prints_the_counts_of_the_shipped_bundle():
    out = StringIO()
    call_command(Command(stdout=out))
    lines = out.getvalue().splitlines()
    assert lines[-2] == "103 tests passed, 18 rules, every line reached."
    assert lines[-1] == activate(SHIPPED).digest


def test_the_command_fails_with_every_problem(write):
    path = write(mine_test=GOOD_TEST.replace("== 1\n", "== 2\n"))
    with pytest.raises(CommandError) as failure:
        call_command(Command(stdout=StringIO()), path)
    assert str(failure.value) == "The bundle is refused.\ntests.mine.test_one_is_found: is not true"
