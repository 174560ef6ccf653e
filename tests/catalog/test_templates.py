"""A bad template.yaml is refused with the file, the line and the reason; a good one is read as it stands."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import drivers, parameters, patterns, reading, strict_yaml
from catalog.problems import Problem
from tests.catalog.conftest import example_files

FILE = "web-service/template.yaml"
NO_ALIAS = "YAML anchors and aliases (& and *) are not allowed; write the value out"
NO_TAG = "YAML tags (tag:yaml.org,2002:python/name:os.system) are not allowed"
NOT_BOTH = "region cannot be both immutable and monotonic"
NO_ORDER = "greeting has no order, so it cannot only grow; give it an enum"
IN_QUOTES = "0.0290 is a float, which does not add up exactly; write it in quotes"
AMOUNT = 'running must be an amount per hour in quotes, for example "0.0450"'
RUNS_AWAY = "the pattern repeats a repetition, which can take for ever"
TWICE = "database is there twice"
REFERENCE = "$ref must be a reference inside this file: #/$defs/NAME"


def problems(files):
    """What is wrong with the files, as people read it."""
    found, told = reading.read_files(files)
    assert bool(found) is not bool(told)
    return [str(problem) for problem in told]


@pytest.mark.parametrize(
    ("old", "new", "offset", "reason"),
    [
        ("icon: world", "icon: &x world", 0, NO_ALIAS),
        ("icon: world", "icon: *x", 0, NO_ALIAS),
        ("icon: world", "icon: !!python/name:os.system", 0, NO_TAG),
        ("icon: world", "icon: world\nicon: clock", 1, "the key 'icon' is there twice"),
        ("icon: world", "icon: [world", 1, None),
        ("icon: world", "7: world", 0, "every key must be text; put it in quotes"),
        ("icon: world", "<<: {icon: world}", 0, "YAML merge keys (<<) are not allowed; write the values out"),
        ("icon: world", "icon: " + "[" * 20, 0, "nested deeper than 16 levels"),
        ("icon: world", "icon: [" + "a," * 10_000 + "]", 0, "the file holds more values than a template can have"),
        ("icon: world", "icon: world\n---\nx: 1", 1, "only one YAML document is allowed in a file"),
        ("icon: world", "icon: world\nicons: x", 1, None),
        ("icon: world", "icon: 7", 0, "icon must be the name of an icon, for example world"),
        ("icon: world", 'icon: "\\0"', 0, "holds a character that cannot be stored"),
        ("version: 1.0.0", "version: 1.0", 0, "1.0 is a float, which does not add up exactly; write it in quotes"),
        ("version: 1.0.0", "version: v1", 0, "version must be three numbers, for example 1.2.0"),
        ("apiVersion: berth/v1", "apiVersion: berth/v2", 0, "apiVersion must be berth/v1"),
        ("driver: sandbox", "driver: magic", 0, None),
        ("tiers: [sandbox,", "tiers: [moon,", 0, None),
        ('base: {running: "0.0290"', "base: {running: 0.0290", 0, IN_QUOTES),
        ('base: {running: "0.0290"', "base: {running: 1", 0, AMOUNT),
        ("currency: EUR", "currency: euro", 0, "currency must be a currency of three capital letters, for example EUR"),
        ('    size:\n      S: {running', '    size:\n      XS: {running', 0, "prices are needed for exactly: S, M, L"),
        ('    public_endpoint:\n      "true"', '    public:\n      "true"', 0, "there is no parameter called public"),
        ("minimum: 1\n", "minimum: 40\n", 0, "minimum is larger than maximum"),
        ("default: 7", "default: 77", 0, "the default does not obey its own rule: Between 1 and 35 days."),
        ("default: 7", "default: seven", 0, "the default does not obey its own rule: Between 1 and 35 days."),
        ("enum: [S, M, L]", "enum: [S, M, 3]", 0, "3 is not text; put it in quotes"),
        ("        S: 1 vCPU", "        Z: 1 vCPU", 0, "Z is not one of the choices"),
        ("vcpu: {S: 1,", "vcpu: {", 0, "say how much vcpu each choice of size uses"),
        ("immutable: true", "immutable: sometimes", 0, "immutable must be true or false"),
        ("immutable: true", "immutable: true\n      monotonic: true", 1, NOT_BOTH),
        ("maxLength: 120", "maxLength: 120\n      monotonic: true", 1, NO_ORDER),
        ("maxLength: 120", "maxLength: 120\n      minimum: 1", 1, "minimum means nothing for text"),
        ("maxLength: 120", "maxLength: 120\n      pattern: ^(a+)+$", 1, RUNS_AWAY),
        ("maxLength: 120", "pattern: ^a+$", 0, "a pattern needs maxLength of 256 or less beside it"),
        ("required: [size,", "required: [sise,", 0, "there is no parameter called sise"),
        ("- name: url", "- name: database\n    description: x\n  - name: database", 2, TWICE),
        ("dev: {default: 14d", "dev: {default: 90d", 0, "default is longer than max"),
        ("dev: {default: 14d", "dev: {default: 14", 0, None),
        ("prod: null", "prod: {default: 1d, max: 2d}", 0, "prod never expires by itself; write null"),
        ("image: web-service", "image: /bin/sh", 0, "image must be web-service or worker"),
        ("image: web-service", "argv: [sh]", 0, None),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_line(files, edited, old, new, offset, reason):
    text = files[FILE].decode()
    line = text[: text.index(old)].count("\n") + 1 + offset
    told = problems(edited(old, new))
    assert told[0].startswith(f"{FILE}, line {line}: ")
    assert reason is None or f"{FILE}, line {line}: {reason}" in told


def test_an_unknown_driver_is_told_with_those_that_are_there(edited, monkeypatch):
    monkeypatch.setattr(drivers, "names", lambda: ["kubernetes", "sandbox"])
    assert problems(edited("driver: sandbox", "driver: magic")) == [
        f"{FILE}, line 9: driver must be kubernetes or sandbox"
    ]


def test_a_missing_key_is_told_at_the_thing_that_lacks_it(edited):
    assert problems(edited("icon: world\n", "")) == [f"{FILE}, line 1: icon missing"]


def test_a_tier_without_a_lifetime_is_told(edited):
    (told,) = problems(edited("  dev: {default: 14d, max: 60d}\n", ""))
    assert told.endswith(": dev needs a lifetime; only stage and prod live without one")


def test_a_sensitive_parameter_has_no_default(edited):
    told = problems(edited("maxLength: 120", "sensitive: true"))
    assert told[0].endswith(": greeting is sensitive, so it cannot have a default that everybody reads")


@pytest.mark.parametrize("reference", ["https://x.test/a.json", "other.json#/a", "file:///etc/passwd", "#/properties"])
def test_a_reference_may_not_leave_the_file(edited, reference):
    told = problems(edited("      type: string\n      title: Size", f"      $ref: {reference}\n      title: Size"))
    assert told == [f"{FILE}, line 16: {REFERENCE}"]


def test_a_local_reference_is_written_out(edited):
    edited("      type: boolean\n", "      $ref: '#/$defs/switch'\n")
    (found,), told = reading.read_files(edited("  required:", "  $defs: {switch: {type: boolean}}\n  required:"))
    assert told == []
    field = found.spec["parameters"]["properties"]["public_endpoint"]
    assert (field["type"], "$ref" in field, "$defs" in found.spec["parameters"]) == ("boolean", False, False)


def test_a_reference_to_nothing_is_told(edited):
    told = problems(edited("      type: boolean\n", "      $ref: '#/$defs/switch'\n"))
    assert told[0] == f"{FILE}, line 37: #/$defs/switch is not in this file"


def test_a_file_that_is_no_text_is_told_with_its_line(files):
    assert problems({**files, FILE: b"a: 1\nb: \xff\n"}) == [f"{FILE}, line 2: the file is not UTF-8 text"]


@pytest.mark.parametrize("content", [b"", b"null\n", b"[]\n", b"text\n"])
def test_a_file_that_is_no_mapping_is_told(files, content):
    assert problems({**files, FILE: content}) == [f"{FILE}, line 1: the file must be a mapping"]


def test_a_folder_that_is_no_short_name_is_told(files):
    renamed = {path.replace("web-service", "Web_Service"): content for path, content in files.items()}
    (told,) = problems(renamed)
    assert told.startswith("Web_Service/template.yaml, line 1: the folder 'Web_Service' is no short name")


def test_an_empty_repository_is_no_catalogue():
    assert problems({}) == ["There is no template: a template is a folder with a template.yaml."]


def test_the_shipped_templates_are_good_and_their_fields_keep_their_order():
    found, told = reading.read_files(example_files())
    assert told == []
    fields = {each.slug: [f.name for f in parameters.form_fields(each.spec["parameters"])] for each in found}
    assert fields == {
        "postgres-database": ["size", "region", "backup_retention_days", "purpose"],
        "scheduled-worker": ["interval_seconds", "region"],
        "web-service": ["size", "region", "public_endpoint", "backup_retention_days", "greeting"],
    }


def test_a_form_field_tells_how_to_draw_it():
    found, _ = reading.read_files(example_files())
    fields = {f.name: f for f in parameters.form_fields(found[-1].spec["parameters"])}
    kinds = {name: field.kind for name, field in fields.items()}
    assert kinds == {
        "size": "cards",
        "region": "choice",
        "public_endpoint": "switch",
        "backup_retention_days": "number",
        "greeting": "text",
    }
    assert fields["size"].choices[1] == parameters.Choice("M", "M", "2 vCPU, 4 GiB")
    days = fields["backup_retention_days"]
    assert (days.minimum, days.maximum, days.unit, days.default, days.monotonic) == (1, 35, "days", 7, True)
    assert (fields["region"].immutable, fields["greeting"].required) == (True, False)


@pytest.mark.parametrize("path", sorted(path for path in example_files() if path.endswith("README.md")))
def test_the_docs_of_a_shipped_template_are_short(path):
    assert len(example_files()[path].decode().splitlines()) <= 40


@pytest.mark.parametrize("pattern", ["^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", "^(eu|us)-[0-9]+$", "^[^@]+@[^@]+[.][a-z]+$"])
def test_usual_patterns_are_allowed(pattern):
    assert patterns.why_refused(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    ["a+", "^a", "^(a|aa)+$", "^(a*)*$", "^(a{1,9}){1,9}$", "^(.)\\1$", "^(?=a)b$", "^(", "^a*a*a*a*$", "^a|b$"],
)
def test_patterns_that_can_run_away_are_refused(pattern):
    assert patterns.why_refused(pattern)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(codec="ascii", min_codepoint=32)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(PLAIN)
def test_json_is_read_as_it_stands(value):
    loaded = strict_yaml.load(json.dumps(value), file="x")
    assert isinstance(loaded, Problem) or loaded.value == value


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_but_never_raises(text):
    assert isinstance(strict_yaml.load(text, file="x"), strict_yaml.Loaded | Problem)


def test_words_that_other_readers_turn_into_something_else_stay_text():
    loaded = strict_yaml.load("[yes, on, 012, 2026-11-01, 12:30, 0x1f, 1_000]", file="x")
    assert loaded.value == ["yes", "on", "012", "2026-11-01", "12:30", "0x1f", "1_000"]
