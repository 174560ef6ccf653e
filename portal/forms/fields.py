"""A template's parameters as rows of a form: value as it was sent, errors and findings under the field it is about."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.fields import Choice, FormField, form_fields, from_form
from catalog.models import TemplateVersion
from catalog.pricing import price
from policies.engine import Finding
from policies.results import FieldError

PREFIX = "p-"


@dataclass
class Row:
    """One row: how it is asked, what was answered, what is said about the answer."""

    name: str
    id: str
    label: str
    kind: str
    value: Any
    help: str = ""
    unit: str = ""
    required: bool = False
    choices: tuple[Choice, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    minimum: int | None = None
    maximum: int | None = None
    locked: bool = False
    errors: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def parameter_rows(version: TemplateVersion, values: Mapping[str, Any], *, locked: bool = False) -> list[Row]:
    """Rows for every parameter; with `locked`, those that may not change any more are shown and not asked."""
    return [_row(version, each, values.get(each.name), locked=locked) for each in form_fields(version.parameters)]


def _row(version: TemplateVersion, each: FormField, value: Any, *, locked: bool) -> Row:
    shown = each.default if value is None or each.sensitive else value
    if each.kind == "lines" and isinstance(shown, list):
        shown = "\n".join(str(item) for item in shown)
    return Row(
        name=PREFIX + each.name,
        id=f"id_{PREFIX}{each.name}",
        label=each.label,
        kind=each.kind,
        value=shown if each.kind in {"switch", "number"} else str("" if shown is None else shown),
        help=each.help,
        unit=each.unit,
        required=each.required,
        choices=each.choices,
        notes=_per_day(version, each) if each.kind == "cards" else {},
        minimum=each.minimum,
        maximum=each.maximum,
        locked=locked and each.immutable,
    )


def _per_day(version: TemplateVersion, each: FormField) -> dict[str, str]:
    return {c.value: str(price(version, {each.name: c.value}).running_per_day) for c in each.choices}


def attach(rows: Iterable[Row], errors: Iterable[FieldError], findings: Iterable[Finding] = ()) -> None:
    """Put every error and finding under the row it is about."""
    by_field = {field_of(row): row for row in rows}
    for error in errors:
        row = by_field.get(error.field)
        if row is not None:
            row.errors.append(f"{error.message} {error.fix}".strip())
    for finding in findings:
        row = by_field.get(finding.field) or by_field.get(_bare(finding.field))
        if row is not None:
            row.findings.append(finding)


def field_of(row: Row) -> str:
    """The name that errors use for it."""
    return f"parameters.{row.name.removeprefix(PREFIX)}" if row.name.startswith(PREFIX) else row.name


def _bare(name: str) -> str:
    """Policy speaks of `environment.ttl_hours`, the form of `ttl_hours`."""
    return name.removeprefix("environment.")


def changed(version: TemplateVersion, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a change form; a sensitive one left blank keeps its value, since it was not shown."""
    hidden = {each.name for each in form_fields(version.parameters) if each.sensitive}
    values = from_form(version.parameters, sent, prefix=PREFIX)
    return {name: value for name, value in values.items() if value is not None or name not in hidden}


def spoken(version: TemplateVersion, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Recorded parameters as label and words; a sensitive one is named, never shown."""
    return [(each.label, _words(each, values.get(each.name))) for each in form_fields(version.parameters)]


def _words(each: FormField, value: Any) -> str:
    if value is None:
        return "not set"
    if each.sensitive:
        return "set, not shown"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return f"{value} {each.unit}".strip()
