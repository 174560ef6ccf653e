"""An approval rule as a form: words separated by commas, one row a step. What makes sense stands in rule_book.py."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import QueryDict

from policies.models import ApprovalRule, OnExpiry
from policies.rule_book import CRITERIA, RuleDraft, StepDraft

STEP_WORDS = ("teams", "roles", "groups", "editable")
STEP_FIELDS = ("name", "position", "quorum", "owning", "owning_least", *STEP_WORDS)
FIELDS = (
    *("slug", "description", *CRITERIA, "cost_delta", "outside_window", "lifetime_hours", "on_expiry"),
    *("escalate_teams", "escalate_people", "remind_hours"),
)
BLANK_ROWS = 2


def words(text: str) -> tuple[str, ...]:
    """The words between commas and spaces, each once, in order."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def number(text: str, missing: int = 0) -> int:
    """A whole number; what is none is -1, which no rule takes."""
    text = text.strip()
    if not text:
        return missing
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1


def draft_of(data: QueryDict, *, active: bool) -> RuleDraft:
    """What the form asks for."""
    return RuleDraft(
        slug=data.get("slug", "").strip(),
        description=data.get("description", "").strip(),
        steps=tuple(_steps(data)),
        criteria={name: words(data.get(name, "")) for name in CRITERIA},
        cost_delta=_amount(data.get("cost_delta", "")),
        outside_window=data.get("outside_window") == "yes",
        lifetime_hours=number(data.get("lifetime_hours", ""), 72),
        on_expiry=data.get("on_expiry", "") if data.get("on_expiry") in OnExpiry.values else OnExpiry.REJECT.value,
        escalate_teams=words(data.get("escalate_teams", "")),
        escalate_people=words(data.get("escalate_people", "")),
        remind_hours=tuple(sorted({abs(number(text)) for text in words(data.get("remind_hours", ""))})),
        active=active,
    )


def _amount(text: str) -> Decimal | None:
    try:
        return Decimal(text.strip()) if text.strip() else None
    except InvalidOperation:
        return None


def _steps(data: QueryDict) -> Iterable[StepDraft]:
    columns = [data.getlist(f"step_{name}") for name in STEP_FIELDS]
    for row in zip(*columns, strict=False):
        asked = dict(zip(STEP_FIELDS, row, strict=True))
        if asked["name"].strip():
            yield StepDraft(
                name=asked["name"].strip(),
                position=number(asked["position"], 1),
                quorum=number(asked["quorum"], 1),
                owning=asked["owning"] == "yes",
                owning_least=number(asked["owning_least"]),
                **{name: words(asked[name]) for name in STEP_WORDS},
            )


def shown(rule: ApprovalRule | RuleDraft | None) -> dict[str, Any]:
    """The fields as the form shows them, with rows left for more steps."""
    if rule is None:
        return {"lifetime_hours": 72, "steps": [_row(StepDraft()), *_blank(1)]}
    values = {name: _text(_value(rule, name)) for name in FIELDS}
    steps = list(rule.steps) if isinstance(rule, RuleDraft) else list(rule.steps.all())
    return {**values, "steps": [*(_row(step) for step in steps), *_blank(len(steps))]}


def _value(rule: ApprovalRule | RuleDraft, name: str) -> Any:
    return rule.criteria.get(name, ()) if isinstance(rule, RuleDraft) and name in CRITERIA else getattr(rule, name)


def _row(step: Any) -> dict[str, Any]:
    return {name: _text(getattr(step, name)) for name in STEP_FIELDS}


def _blank(used: int) -> list[dict[str, Any]]:
    return [{"position": used + 1, "quorum": 1, "owning": "yes", "owning_least": 0}] * BLANK_ROWS


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, list | tuple):
        return ", ".join(str(word) for word in value)
    return "" if value is None else value
