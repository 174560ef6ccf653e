"""Documents that tell the truth: links, targets, commands, variables and words are those of the code."""

import ast
import re
import urllib.parse
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import resolve

from portal.management.commands import bootstrap_roles, prepare_vault, seed, states

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
ADRS = sorted((DOCS / "adr").glob("0*.md"))
# The words of the product, as they are agreed.
WORDS = {
    *("Team", "Service", "Tier", "Template", "Template version", "Environment", "Operation", "Plan", "Driver"),
    *("Policy", "Decision", "Waiver", "Approval rule", "Approval", "Secret binding", "Drift", "Finding"),
    *("Release", "Deployment", "Promotion", "Error budget", "Burn rate"),
}
# Taken by the browser tests.
MADE_LATER = {"docs/images/home.png"}
APPS = ("portal", "delivery", "observability", "provisioning", "catalog", "policies", "audit")
# Set by Python's and Django's own conventions, or by `up` for the one process alone.
NOT_OURS = {"PATH", "NO_COLOR", "DJANGO_SETTINGS_MODULE", "PYTHONUNBUFFERED"}


def rows(page: str) -> dict[str, list[str]]:
    """Table rows of a page by their first cell without marks."""
    found = re.findall(r"^\| (.+) \|$", (DOCS / page).read_text(), re.MULTILINE)
    cells = [[cell.strip() for cell in row.split(" | ")] for row in found]
    return {row[0].strip("*`"): row[1:] for row in cells}


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def uppercase(node: ast.AST) -> list[str]:
    """The names of variables among the constants of an expression."""
    constants = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
    return [value for value in constants if isinstance(value, str) and re.fullmatch(r"[A-Z][A-Z0-9_]+", value)]


def is_reading(node: ast.AST) -> bool:
    """`_read.text(…)`, `read.whole(…)`, `os.environ.get(…)`, `known(…)`."""
    return isinstance(node, ast.Call) and bool(
        re.fullmatch(r"_?read\.\w+|self\.text|os\.environ\.get|known", ast.unparse(node.func))
    )


def variables(*files: str) -> dict[str, str | None]:
    """Variables that the files read, with the default where it is a constant."""
    found: dict[str, str | None] = {}
    for file in files:
        for call in filter(is_reading, ast.walk(ast.parse((ROOT / file).read_text()))):
            names = [name for argument in call.args[:1] for name in uppercase(argument)]
            given = call.args[-1] if len(call.args) > 1 else None
            default = str(given.value) if isinstance(given, ast.Constant) else None
            found |= dict.fromkeys(names, default)
    return {name: default for name, default in found.items() if name not in NOT_OURS}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        parts = urllib.parse.urlsplit(target)
        if parts.scheme:
            continue
        path = (page.parent / parts.path).resolve() if parts.path else page
        assert path.exists() or str(path.relative_to(ROOT)) in MADE_LATER, target
        if parts.fragment:
            assert parts.fragment in anchors(path), target


def test_every_make_target_is_in_the_readme_in_its_own_words() -> None:
    targets = dict(re.findall(r"^([a-z-]+):.*?## ([^(\n]+?)(?: \(.*)?$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = dict(re.findall(r"^\| `make ([a-z-]+)` \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {name: text.replace("`", "") for name, text in told.items()} == targets


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_command_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", page.read_text())) <= targets


@pytest.mark.parametrize("page", ADRS, ids=lambda path: path.stem)
def test_every_decision_has_its_headings_and_a_place_in_the_list(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    title = re.match(r"# (\d+)\. (.+)\n", text)
    assert title
    assert int(title[1]) == int(page.name[:4])
    assert f"[{title[2]}]({page.name})" in (DOCS / "adr" / "index.md").read_text()


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(page.name[:4]) for page in ADRS] == list(range(1, len(ADRS) + 1))


def test_the_glossary_has_every_word() -> None:
    assert WORDS - set(rows("glossary.md")) == set()


def test_the_page_of_states_is_as_drawn_now() -> None:
    assert (ROOT / states.PAGE).read_text() == states.render()


def test_every_command_of_ours_is_in_the_table_of_commands_and_exists() -> None:
    ours = {name for name, app in get_commands().items() if app in APPS}
    told = {name.removeprefix("manage.py ") for name in rows("operations.md") if name.startswith("manage.py ")}
    assert told == ours


def test_every_variable_that_is_read_is_documented_with_its_default() -> None:
    table = rows("operations.md")
    read = variables("portal/environment.py", "portal/settings.py", "portal/management/commands/router.py")
    assert len(read) > 30
    for name, default in read.items():
        assert name in table, f"{name} is not in docs/operations.md"
        if default:
            assert table[name][0] == f"`{default}`", name


def test_variables_that_single_commands_and_the_supervisor_read_are_documented() -> None:
    table = rows("operations.md")
    embedded = [str(path.relative_to(ROOT)) for path in (ROOT / "portal" / "embedded").glob("*.py")]
    single = {*bootstrap_roles.URLS.values(), bootstrap_roles.ADMIN, prepare_vault.SECRET}
    assert (single | set(variables(*embedded, "audit/roles.py"))) - set(table) == set()


def test_every_documented_variable_is_used_somewhere() -> None:
    code = "".join(path.read_text() for app in APPS for path in (ROOT / app).rglob("*.py"))
    documented = [name for name in rows("operations.md") if re.fullmatch(r"[A-Z][A-Z0-9_]+", name)]
    assert [name for name in documented if f'"{name}"' not in code] == []


def test_addresses_in_the_pages_are_those_of_the_portal() -> None:
    named = {address for page in PAGES for address in re.findall(r"`(?:POST )?(/[a-z][\w/]*/?)`", page.read_text())}
    portal = {address for address in named if address.startswith(("/api", "/healthz", "/readyz"))}
    assert {"/api/schema/", "/api/docs/", "/healthz", "/readyz"} <= portal
    assert [address for address in sorted(portal) if resolve(address).url_name == "nothing"] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    folders = "|".join((*APPS, "deploy", "tests", "docs", "static", "templates", "examples"))
    named = re.findall(rf"`((?:{folders})/[\w./-]*)`", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_sign_ins_in_the_readme_are_those_of_the_seed() -> None:
    told = re.findall(r"^\| `(\w+)` \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert [name for name, _ in told] == [row[0] for row in seed.PEOPLE]
    for (_, text), (_, _, team, role) in zip(told, seed.PEOPLE, strict=True):
        assert text.startswith(f"{role} of {team.capitalize()}" if role in seed.Role.values else str(role))


def test_the_refusals_in_the_quick_start_are_those_of_the_code() -> None:
    code = "".join(path.read_text() for path in (ROOT / "portal" / "embedded").glob("*.py"))
    told = list(rows("quickstart.md"))[1:]
    fragments = [part.strip() for refusal in told for part in refusal.split("…") if part.strip("- ")]
    assert len(fragments) >= 5
    assert [part for part in fragments if part not in code] == []


def test_make_check_runs_the_four_checks() -> None:
    from tests import checks

    assert list(checks.CHECKS) == ["migrations", "generated pages", "API schema", "documentation"]
    assert "python -m tests.checks" in (ROOT / "Makefile").read_text()
