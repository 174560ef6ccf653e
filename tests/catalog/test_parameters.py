"""The one check of parameters: exact messages, what may change later, and that forms and JSON agree."""

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from catalog.parameters import ParameterError, check, from_form

SIZE = {"type": "string", "title": "Size", "enum": ["S", "M", "L"], "default": "S", "monotonic": True}
REGION = {"type": "string", "title": "Region", "enum": ["north", "south"], "immutable": True}
DAYS = {"type": "integer", "title": "Retention", "minimum": 1, "maximum": 35, "x-unit": "days", "default": 7}
PUBLIC = {"type": "boolean", "title": "Public", "default": False}
LABEL = {
    "type": "string",
    "title": "Label",
    "pattern": "^[a-z]+$",
    "maxLength": 5,
    "x-pattern-says": "Lower-case letters only.",
}
HOSTS = {"type": "array", "title": "Hosts", "items": {"type": "string", "maxLength": 3}, "maxItems": 2}
TOKEN = {"type": "string", "title": "Token", "sensitive": True, "minLength": 20}
TOP_UP = {"type": "integer", "title": "Top up", "ephemeral": True, "minimum": 0}
SCHEMA = {
    "type": "object",
    "properties": {
        "size": SIZE,
        "region": REGION,
        "days": DAYS,
        "public": PUBLIC,
        "label": LABEL,
        "hosts": HOSTS,
        "token": TOKEN,
        "top_up": TOP_UP,
    },
    "required": ["region"],
    "additionalProperties": False,
    "x-order": ["region", "size", "days", "public", "label", "hosts", "token", "top_up"],
}


def wrong(values, previous=None):
    """The errors of `values`, with a region unless they name one."""
    return check(SCHEMA, {"region": "north", **values}, previous=previous).errors


def test_defaults_are_filled_in():
    checked = check(SCHEMA, {"region": "north"})
    assert checked
    assert checked.values == {"region": "north", "size": "S", "days": 7, "public": False}


@pytest.mark.parametrize(
    ("values", "rule", "message", "fix"),
    [
        ({"days": 36}, "maximum", "Between 1 and 35 days.", "Enter a whole number from 1 to 35 days."),
        ({"days": 0}, "minimum", "Between 1 and 35 days.", "Enter a whole number from 1 to 35 days."),
        ({"days": "soon"}, "type", "Between 1 and 35 days.", "Enter a whole number from 1 to 35 days."),
        ({"days": 1.5}, "type", "Between 1 and 35 days.", "Enter a whole number from 1 to 35 days."),
        ({"days": True}, "type", "Between 1 and 35 days.", "Enter a whole number from 1 to 35 days."),
        ({"days": 2**60}, "maximum", "Between 1 and 35 days.", "Enter a whole number from 1 to 35 days."),
        ({"size": "XL"}, "enum", "One of S, M or L.", "Choose S, M or L."),
        ({"public": "yes"}, "type", "On or off.", "Switch it on or off."),
        ({"label": "A"}, "pattern", "Lower-case letters only.", "Lower-case letters only."),
        ({"label": "abcdef"}, "maxLength", "At most 5 characters.", "Lower-case letters only."),
        ({"hosts": ["a", "b", "c"]}, "maxItems", "At most 2 lines.", "Write one entry a line."),
        ({"hosts": ["a", "long"]}, "maxLength", "Line 2: at most 3 characters.", "Write one entry a line."),
        ({"hosts": "a"}, "type", "A list, one entry a line.", "Write one entry a line."),
        ({"top_up": -1}, "minimum", "0 or more.", "Enter a whole number."),
        ({"token": "x" * 5000}, "maxLength", "Between 20 and 4000 characters.", "Enter text."),
    ],
)
def test_each_rule_has_its_own_sentence(values, rule, message, fix):
    (field,) = values
    assert wrong(values) == (ParameterError(field, f"parameter.{rule}", message, fix),)


def test_a_missing_parameter_says_what_to_choose():
    assert check(SCHEMA, {}).errors == (
        ParameterError("region", "parameter.required", "Region is needed.", "Choose north or south."),
    )


def test_an_unknown_parameter_is_refused_with_the_known_ones():
    (error,) = check({"properties": {"days": DAYS}}, {"dayz\n": 3}).errors
    assert error.field == "dayz"
    assert (error.rule, error.fix) == ("parameter.unknown", "Known parameters: days.")


def test_what_is_not_a_set_of_values_is_refused():
    assert [error.rule for error in check(SCHEMA, ["region"]).errors] == ["parameter.type"]


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "\ud800", "\x1b[31m", "a\u202eb"])
def test_text_that_cannot_be_kept_is_refused(text):
    assert [error.rule for error in wrong({"label": text})] == ["parameter.characters"]


def test_text_of_any_language_is_kept():
    assert check({"properties": {"x": {"type": "string"}}}, {"x": "Grüße\u3000東京 👩‍🚀"})


def test_a_message_never_repeats_a_sensitive_value():
    assert "hunter2" not in str(wrong({"token": "hunter2"}))
    assert wrong({"token": "hunter2"})[0].message == "Between 20 and 4000 characters."


def test_what_is_immutable_stays():
    (error,) = wrong({"region": "south"}, previous={"region": "north"})
    assert (error.field, error.rule) == ("region", "parameter.immutable")
    assert error.message == "Fixed when the environment is created."
    assert error.fix == "Leave it as it is, or request a new environment."


@pytest.mark.parametrize(("before", "after", "allowed"), [("S", "L", True), ("M", "M", True), ("L", "M", False)])
def test_what_is_monotonic_grows_only(before, after, allowed):
    assert bool(wrong({"size": after}, previous={"region": "north", "size": before})) is not allowed


def test_the_fix_of_a_shrinking_size_names_what_is_left():
    (error,) = wrong({"size": "S"}, previous={"region": "north", "size": "M"})
    assert (error.message, error.fix) == ("Can grow later, never shrink.", "Choose M or L.")


def test_what_is_not_given_keeps_its_previous_value_unless_ephemeral():
    previous = {"region": "south", "size": "L", "days": 14, "top_up": 3}
    checked = check(SCHEMA, {"days": 21}, previous=previous)
    assert checked.values == {"region": "south", "size": "L", "days": 21, "public": False}


def test_none_means_the_default():
    checked = check(SCHEMA, {"days": None, "label": None}, previous={"region": "north", "days": 9, "label": "a"})
    assert checked.values["days"] == 7
    assert "label" not in checked.values


def test_a_whole_float_is_recorded_as_a_whole_number():
    checked = check(SCHEMA, {"region": "north", "days": 3.0})
    assert (checked.values["days"], type(checked.values["days"])) == (3, int)


def test_no_reference_is_ever_fetched():
    schema = {"properties": {"x": {"$ref": "http://127.0.0.1:9/schema.json"}}}
    with pytest.raises(Exception, match="Unresolvable"):
        check(schema, {"x": 1})


def test_a_blank_form_field_takes_the_default_and_an_absent_switch_is_off():
    posted = QueryDict("days=&region=north&label=+abc+&hosts=a%0D%0A%0D%0A+b+&csrfmiddlewaretoken=x")
    raw = from_form(SCHEMA, posted)
    assert raw == {"region": "north", "days": None, "public": False, "label": "abc", "hosts": ["a", "b"]}
    assert check(SCHEMA, raw).values["days"] == 7


@pytest.mark.parametrize(("sent", "read"), [("on", True), ("true", True), ("off", False), ("maybe", "maybe")])
def test_a_switch_reads_the_words_of_a_form(sent, read):
    assert from_form(SCHEMA, {"public": sent})["public"] == read


VALUES = st.fixed_dictionaries(
    {"region": st.sampled_from(["north", "south", "east"]), "public": st.booleans()},
    optional={
        "size": st.sampled_from(["S", "M", "L", "XL"]),
        "days": st.integers(-5, 50),
        "label": st.text("abZ", min_size=1, max_size=8),
        "hosts": st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3),
    },
)


def posted(values):
    """The values as a browser would send them."""
    words = {True: "on", False: "off"}
    return {
        name: words[value] if isinstance(value, bool) else "\r\n".join(value) if name == "hosts" else str(value)
        for name, value in values.items()
    }


@given(VALUES)
def test_a_form_and_json_obey_the_same_check(values):
    assert check(SCHEMA, from_form(SCHEMA, posted(values))) == check(SCHEMA, values)


@given(VALUES)
def test_checking_twice_changes_nothing(values):
    once = check(SCHEMA, values)
    assert check(SCHEMA, once.values) == once


@given(VALUES)
def test_an_environment_may_always_stay_as_it_is(values):
    checked = check(SCHEMA, values)
    if checked:
        assert check(SCHEMA, checked.values, previous=checked.values) == checked
        assert check(SCHEMA, {}, previous=checked.values) == checked


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x, max_size=3)))
def test_whatever_json_is_sent_the_check_answers(value):
    for name in SCHEMA["properties"]:
        check(SCHEMA, {"region": "north", name: value}, previous={"region": "north", "size": "S"})
