"""The Rego of a filled-in rule and of its tests. Every word of the form enters as a JSON literal, never as code."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from policies.bundles.forms import Form

KINDS = ("create", "update", "deploy", "promote")


def rule(slug: str, form: "Form") -> str:
    """The rule's file."""
    meta = {"id": f"form.{slug}", "severity": form.severity, "title": form.title, "waiver": form.who}
    finding = {"field": _field(form), "value": "value", **_words(form), "who": _text("The platform team")}
    lines = [f"\t{_text(name)}: {value}," for name, value in finding.items()]
    body = [f"\t{line}" for line in (*_scope(form), *_condition(form))]
    parts = (f"package berth.{_package(slug)}\n", f"meta := {_text(meta)}\n", "findings contains {", *lines, "} if {")
    return "\n".join((*parts, *body, "}\n"))


def test(slug: str, form: "Form") -> str:
    """Its tests: the one value that it finds, the one that it lets pass, and another tier where it names tiers."""
    bad, good = _examples(form)
    head = (
        f"package tests.{_package(slug)}\n",
        "import data.fixtures",
        f"import data.berth.{_package(slug)} as rule\n",
    )
    cases = [("it_finds", bad, 1), ("it_lets_pass", good, 0)]
    if form.tiers:
        cases.append(("it_looks_at_its_tiers_only", bad | {"environment": bad["environment"] | {"tier": "none"}}, 0))
    blocks = [
        f"test_{name} if {{\n\tfacts := fixtures.but({_text(facts)})\n"
        f"\tfound := rule.findings with input as facts\n\tcount(found) == {count}\n}}\n"
        for name, facts, count in cases
    ]
    return "\n".join((*head, *blocks))


def number(text: str) -> Decimal | None:
    """A finite number of at most 12 digits, or None."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and re.fullmatch(r"-?\d{1,12}(\.\d{1,6})?", text) else None


def _package(slug: str) -> str:
    return f"form_{slug.replace('-', '_')}"


def _text(value: Any) -> str:
    """A JSON literal, which is a literal of Rego too."""
    return json.dumps(value, ensure_ascii=False)


def _set(values: tuple[str, ...]) -> str:
    return "{" + ", ".join(_text(value) for value in values) + "}"


def _literal(text: str) -> list[str]:
    """An option as text, and as the number or truth value that it may stand for."""
    return [_text(text), *([text] if number(text) is not None or text in ("true", "false") else [])]


def _scope(form: "Form") -> list[str]:
    scoped = {"input.environment.tier": form.tiers, "input.service.team": form.teams}
    scoped["input.template.slug"] = form.templates
    kinds = f"input.kind in {_set(KINDS)}"
    return [kinds, *(f"{fact} in {_set(values)}" for fact, values in scoped.items() if values)]


def _field(form: "Form") -> str:
    if form.kind == "tags":
        return 'sprintf("plan.changes.%s.%s", [change.address, holder])'
    return _text(f"environment.parameters.{form.parameter}")


def _condition(form: "Form") -> list[str]:
    if form.kind == "tags":
        return [
            "some change in input.plan.changes",
            'change.action in {"create", "update", "change", "replace"}',
            'some holder in ["tags", "labels"]',
            "given := change.after[holder]",
            f"value := sort([name | some name in {_set(form.values)}; not given[name]])",
            "count(value) > 0",
        ]
    named = [f"value := input.environment.parameters[{_text(form.parameter)}]"]
    if form.kind == "allowed":
        options = "{" + ", ".join(literal for value in form.values for literal in _literal(value)) + "}"
        return [*named, f"not value in {options}"]
    return [*named, "is_number(value)", f"value {'>' if form.kind == 'maximum' else '<'} {form.values[0]}"]


def _words(form: "Form") -> dict[str, str]:
    """The sentence with the value in it, and what to do next."""
    options = ", ".join(form.values).replace("%", "%%")
    name = form.parameter.replace("%", "%%")
    if form.kind == "tags":
        says = 'sprintf("%s has no %s.", [change.address, concat(", ", value)])'
        return {"message": says, "fix": _text(f"Give every resource the tags {', '.join(form.values)}.")}
    told = {
        "allowed": (f"The parameter {name} is %v; it may be {options}.", f"Choose one of {', '.join(form.values)}."),
        "maximum": (f"The parameter {name} is %v; at most {options} is allowed.", f"Ask for {options} or less."),
        "minimum": (f"The parameter {name} is %v; at least {options} is needed.", f"Ask for {options} or more."),
    }
    says, fix = told[form.kind]
    return {"message": f"sprintf({_text(says)}, [value])", "fix": _text(fix)}


def _examples(form: "Form") -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts that the rule finds, and facts that it lets pass, inside its scope."""
    tier = form.tiers[0] if form.tiers else "dev"
    base: dict[str, Any] = {"environment": {"tier": tier}}
    if form.teams:
        base["service"] = {"slug": "payments", "team": form.teams[0]}
    if form.templates:
        base["template"] = {"slug": form.templates[0]}
    if form.kind == "tags":
        change = {"address": "bucket.main", "action": "create", "before": None}
        full = dict.fromkeys(form.values, "x")
        return (
            base | {"plan": {"changes": [change | {"after": {"tags": {}}}]}},
            base | {"plan": {"changes": [change | {"after": {"tags": full}}]}},
        )
    bad, good = _values(form)
    return (
        base | {"environment": {"tier": tier, "parameters": {form.parameter: bad}}},
        base | {"environment": {"tier": tier, "parameters": {form.parameter: good}}},
    )


def _values(form: "Form") -> tuple[Any, Any]:
    if form.kind == "allowed":
        return "none of " + ", ".join(form.values), form.values[0]
    bound = json.loads(form.values[0])
    return (bound + 1, bound) if form.kind == "maximum" else (bound - 1, bound)
