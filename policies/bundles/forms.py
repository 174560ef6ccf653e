"""Rules without code: what was said in a form, checked, and the Rego with its tests that is made of it.

The form is kept, not the Rego: a rule is changed by saying it again. Storing and bundles live in `store.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.utils import timezone

from audit.context import context
from audit.record import record
from policies.bundle import SEVERITIES
from policies.bundles import rendered, store
from policies.models import FormRule, User
from policies.permissions import Permission, may
from policies.results import Denied, FieldError, wrong_fields

# As `waivers.py` reads them: any other text would mean that nobody may waive the rule.
WAIVERS = ("The platform team", "The owners of the team", "Nobody")
KINDS = ("allowed", "maximum", "minimum", "tags")
SLUG = re.compile(r"[a-z][a-z0-9-]{0,39}")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,79}")
WORD = re.compile(r"[^\x00-\x1f\"\\]{1,80}")
MOST_VALUES = 50


@dataclass(frozen=True, slots=True)
class Form:
    """What is asked of an environment. Empty scopes mean everything; `values` are options, a bound, or tags."""

    kind: str
    title: str
    values: tuple[str, ...]
    parameter: str = ""
    severity: str = "block"
    tiers: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    who: str = "The platform team"

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {name: list(each) if isinstance(each, tuple) else each for name, each in asdict(self).items()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Form":
        """As it was stored."""
        said: dict[str, Any] = {n: tuple(each) if isinstance(each, list) else each for n, each in data.items()}
        return Form(**said)


def files(slug: str, form: Form) -> list[tuple[str, str]]:
    """The rule's file and its test's, as they go into the next bundle."""
    return [
        (f"forms/{slug}.rego", rendered.rule(slug, form)),
        (f"forms/{slug}_test.rego", rendered.test(slug, form)),
    ]


def problems(slug: str, form: Form) -> list[FieldError]:
    """Everything that is wrong with the form, by field."""
    found = [*_shape(slug, form), *_content(form)]
    return [FieldError(field, "policy.form", message, fix) for field, message, fix in found]


def _shape(slug: str, form: Form) -> list[tuple[str, str, str]]:
    found = []
    if not SLUG.fullmatch(slug):
        found.append(("slug", "It is no short name.", "Use lower-case letters, digits and hyphens, at most 40."))
    if form.kind not in KINDS:
        found.append(("kind", "There is no such kind of rule.", f"One of {', '.join(KINDS)}."))
    if form.severity not in SEVERITIES:
        found.append(("severity", "There is no such severity.", f"One of {', '.join(SEVERITIES)}."))
    if form.who not in WAIVERS:
        found.append(("who", "It is not said who can waive it.", f"One of {', '.join(WAIVERS)}."))
    if not re.fullmatch(r"[^\x00-\x1f\"\\]{3,160}", form.title):
        found.append(("title", "Between 3 and 160 characters.", "Leave out quotation marks and backslashes."))
    return found


def _content(form: Form) -> list[tuple[str, str, str]]:
    found = []
    if form.kind != "tags" and not NAME.fullmatch(form.parameter):
        found.append(("parameter", "It is not the name of a parameter.", "Use the name as the template has it."))
    if not 1 <= len(form.values) <= MOST_VALUES:
        found.append(("values", f"Between 1 and {MOST_VALUES} values.", "Write one to a line."))
    elif form.kind in ("maximum", "minimum") and (len(form.values) > 1 or rendered.number(form.values[0]) is None):
        found.append(("values", "It is not one number.", "Write one number, such as 8."))
    elif form.kind == "tags" and not all(NAME.fullmatch(value) for value in form.values):
        found.append(("values", "A tag's name begins with a letter.", "Letters, digits and _ . : / - only."))
    for name in ("values", "tiers", "teams", "templates"):
        if not all(WORD.fullmatch(each) for each in getattr(form, name)):
            found.append((name, "A value is longer than 80 characters or holds a quotation mark.", "Write it plainly."))
    return found


def add(*, by: User, slug: str, form: Form) -> FormRule | Denied:
    """Keep the rule; it becomes part of the next draft, and that draft is made now. Nothing comes into force."""
    allowed = may(by, Permission.MANAGE_POLICIES, None)
    if isinstance(allowed, Denied):
        return store.refused(by, allowed, f"formrule:{slug[:40]}")
    form = replace(form, values=tuple(dict.fromkeys(form.values)))
    wrong = problems(slug, form)
    if not wrong and FormRule.objects.filter(slug=slug).exists():
        wrong = [FieldError("slug", "policy.form", f"{slug} is taken.", "Choose another name.")]
    if wrong:
        return wrong_fields(wrong)
    with context(by=by, reason=f"The rule {form.title}"):
        made = FormRule.objects.create(slug=slug, form=form.as_json(), by=by)
        record("formrule.added", object=f"formrule:{made.pk}", data={"slug": slug, "title": form.title})
    return made


def remove(*, by: User, rule: FormRule) -> FormRule | Denied:
    """Leave the rule out of the next draft. What is in force stays until that comes into force."""
    allowed = may(by, Permission.MANAGE_POLICIES, None)
    if isinstance(allowed, Denied):
        return store.refused(by, allowed, f"formrule:{rule.pk}")
    with context(by=by, reason=f"The rule {rule.slug} is left out"):
        gone = FormRule.objects.filter(pk=rule.pk, removed_at=None).update(removed_at=timezone.now())
        if gone:
            record("formrule.removed", object=f"formrule:{rule.pk}", data={"slug": rule.slug})
    rule.refresh_from_db()
    return rule
