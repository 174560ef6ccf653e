"""A directory of Rego files: read, checked, given a digest, or refused in sentences.

Nothing here judges a request (`engine.py`), and no Rego runs in this process: the checks that need the engine
run in an evaluator under a deadline (`pool.py`).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.bundles.spread import Files, Spread
from policies.pool import EvaluatorError, ask_once, on_one_line

MAX_BYTES = 4 << 20
SEVERITIES = ("block", "soft", "warn")
RULES = "data.ruling.rules"
# An import under such a name could make a call of the engine's own function look like one of the bundle's.
NAMESPACES = frozenset(("crypto", "graphql", "http", "io", "net", "opa", "providers", "rand", "rego", "time", "uuid"))

# Pure functions of their arguments only: nothing here reaches the network, the clock, the host or chance.
PURE = """
    abs ceil floor round count sum max min product sort numbers.range numbers.range_step to_number
    all any and or union intersection array.concat array.reverse array.slice
    object.get object.keys object.remove object.union object.union_n object.filter
    concat contains endswith format_int indexof lower upper replace split sprintf startswith substring
    strings.any_prefix_match strings.any_suffix_match strings.count strings.reverse
    trim trim_left trim_prefix trim_right trim_space trim_suffix
    regex.match regex.is_valid regex.find_n regex.split regex.replace
    is_array is_boolean is_null is_number is_object is_set is_string type_name walk
    json.is_valid json.unmarshal json.marshal semver.compare semver.is_valid
    time.parse_rfc3339_ns time.parse_duration_ns time.weekday time.date time.clock time.add_date time.diff
    units.parse units.parse_bytes glob.match
"""
BUILTINS = frozenset(PURE.split())


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule says about itself in its `meta`."""

    id: str
    severity: str
    title: str
    waiver: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that passed every check. `files` are (path, source) without the tests."""

    digest: str
    files: Files
    rules: tuple[Rule, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a bundle does not come into force; each problem is a sentence with file and line where known."""

    problems: tuple[str, ...]

    def __bool__(self) -> bool:
        """False, so that `if activate(path)` reads as it should."""
        return False


def activate(path: Path) -> Bundle | Refusal:
    """Check the bundle in directory `path`; it may come into force only if this returns a Bundle."""
    try:
        files = read(path)
    except (OSError, ValueError) as error:
        return Refusal((f"The bundle cannot be read: {error}",))
    return check(files, name=path.name)


def check(files: Files, *, name: str = "the bundle") -> Bundle | Refusal:
    """Check the bundle of these (path, source), tests among them."""
    if sum(len(source) for _, source in files) > MAX_BYTES:
        return Refusal((f"The bundle is longer than {MAX_BYTES >> 20} MB.",))
    if not any(not is_test(path) for path, _ in files):
        return Refusal((f"There are no policies in {name}.",))
    try:
        modules = ask_once({"task": "parse", "files": files})
        problems = _calls_refused(modules)
        return Refusal(tuple(problems)) if problems else _tried(files, modules)
    except EvaluatorError as failure:
        return Refusal((str(failure),))
    except (LookupError, TypeError, AttributeError) as error:
        return Refusal((f"The bundle has a shape that the checks do not know: {error!r}.",))


def digest(files: Files) -> str:
    """SHA-256 over each file's path and content with their lengths, by path; tests are left out."""
    hasher = hashlib.sha256()
    for name, source in sorted(files):
        if not is_test(name):
            for part in (name.encode(), source.encode()):
                hasher.update(len(part).to_bytes(8, "big") + part)
    return "sha256:" + hasher.hexdigest()


def read(path: Path) -> Files:
    """The Rego files below a directory. Raises OSError, or ValueError with the sentence why not."""
    paths = sorted(path.rglob("*.rego"))
    if any(item.is_symlink() for item in paths):
        raise ValueError("symbolic links are not followed.")
    if sum(item.stat().st_size for item in paths) > MAX_BYTES:
        raise ValueError(f"it is longer than {MAX_BYTES >> 20} MB.")
    return tuple((item.relative_to(path).as_posix(), item.read_text("utf-8")) for item in paths)


def is_test(name: str) -> bool:
    """Is it a file of tests, which never comes into force?"""
    return name.endswith("_test.rego")


def _dotted(node: Any) -> str:
    """The written name of a reference such as `data.words.days`; "" for anything that is not a plain name."""
    match node:
        case {"Var": {"value": str(name)}}:
            return name
        case {"RefDot": {"refr": inner, "field": [_, str(name)]}}:
            return f"{_dotted(inner)}.{name}"
        case {"RefBrack": {"refr": inner, "index": {"String": {"value": str(name)}}}}:
            return f"{_dotted(inner)}.{name}"
    return ""


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from _nodes(value)


def _place(module: dict[str, Any], node: dict[str, Any]) -> str:
    return f"{module['source']['file']}:{node['span']['line']}"


def _package(module: dict[str, Any]) -> str:
    return "data." + _dotted(module["ast"]["package"]["refr"])


def _heads(module: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, full name) of each rule; kind is Func, Compr or Set, as the parser calls them."""
    for rule in module["ast"]["rules"]:
        for kind, head in rule["Spec"]["head"].items() if "Spec" in rule else ():
            yield kind, f"{_package(module)}.{_dotted(head['refr'])}"


def _aliases(module: dict[str, Any]) -> dict[str, str]:
    source, names = module["source"]["contents"].encode(), {}
    for item in module["ast"]["imports"]:
        name, span = _dotted(item["refr"]), item.get("as")
        alias = source[span["start"] : span["end"]].decode() if span else name.rpartition(".")[2]
        names[alias] = name
    return names


def _calls_refused(modules: list[dict[str, Any]]) -> list[str]:
    functions = {name for module in modules for kind, name in _heads(module) if kind == "Func"}
    return [problem for module in modules for problem in _module_refused(module, functions)]


def _module_refused(module: dict[str, Any], functions: set[str]) -> Iterator[str]:
    aliases, package = _aliases(module), _package(module)
    for alias in sorted(NAMESPACES & set(aliases)):
        yield f"{module['source']['file']}: an import may not be called {alias}."
    for node in _nodes(module["ast"]):
        if isinstance(call := node.get("Call"), dict):
            name = _dotted(call["fcn"])
            head, _, rest = name.partition(".")
            full = f"{aliases[head]}.{rest}" if head in aliases else name
            if not functions & {full, f"{package}.{name}"} and name not in BUILTINS:
                yield f"{_place(module, call)}: {name or 'this call'} is neither allowed nor defined here."
        for change in node.get("with_mods") or ():
            # Anything but the input could be replaced by a function that the list of builtins leaves out.
            if _dotted(change["refr"]).partition(".")[0] != "input":
                yield f"{_place(module, change)}: `with` may replace the input only."


def _tried(files: Files, modules: list[dict[str, Any]]) -> Bundle | Refusal:
    """Run the bundle's own tests with coverage, and read what each rule says about itself."""
    names = [(module["source"]["file"], name) for module in modules for _, name in _heads(module)]
    tests = sorted({n for file, n in names if is_test(file) and n.rpartition(".")[2].startswith("test_")})
    if not tests:
        return Refusal(("The bundle has no tests.",))
    packages = {_package(m) for m in modules if not is_test(m["source"]["file"])}
    metas = sorted(f"{package}.meta" for package in packages if package.startswith("data.berth."))
    spread = Spread(files, modules)
    seen = ask_once({"task": "inspect", "files": spread.files, "tests": tests, "metas": [*metas, RULES]})
    ends = {test.removeprefix("data."): on_one_line(end) for test, end in seen["outcomes"].items() if end != "pass"}
    often = [*ends.values()]
    # What stops every test is said once; what stops one of them, with its name.
    told = (spread.said(end) if often.count(end) > 1 else f"{test}: {spread.said(end)}" for test, end in ends.items())
    problems = list(dict.fromkeys(told))
    if not problems:
        gathered = seen["metas"].pop(RULES)
        problems += _unreached(seen["coverage"], spread) + _metas_refused(seen["metas"], gathered)
    if problems:
        return Refusal(tuple(problems))
    rules = tuple(sorted((Rule(**meta) for meta in seen["metas"].values()), key=lambda rule: rule.id))
    kept = tuple((name, source) for name, source in files if not is_test(name))
    return Bundle(digest(files), kept, rules, tuple(tests))


def _unreached(coverage: list[dict[str, Any]], spread: Spread) -> list[str]:
    reports = {file["path"]: file["not_covered"] for file in coverage}
    missed = {
        (name, spread.line(name, line))
        for name, _ in spread.files
        if not is_test(name)
        for line in reports.get(name, (1,))
    }
    return [f"{name}:{line}: no test reaches this line, or what it says can never be." for name, line in sorted(missed)]


def _metas_refused(metas: dict[str, Any], gathered: Any) -> list[str]:
    problems, ids = [] if metas else ["The bundle has no rule in a package below `berth`."], set()
    for place, meta in metas.items():
        name = place.removeprefix("data.").removesuffix(".meta")
        if not isinstance(meta, dict) or set(meta) != {"id", "severity", "title", "waiver"}:
            problems.append(f"{name}: `meta` must give id, severity, title and waiver.")
        elif meta["severity"] not in SEVERITIES:
            problems.append(f"{name}: the severity must be block, soft or warn.")
        elif meta["id"] in ids:
            problems.append(f"{name}: the id {meta['id']} is used twice.")
        else:
            ids.add(meta["id"])
    if not problems and (not isinstance(gathered, list) or set(gathered) != ids):
        problems.append("The entry ruling.rules does not gather exactly the rules of the bundle.")
    return problems
