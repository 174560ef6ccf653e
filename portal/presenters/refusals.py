"""A refusal as a page part: what stopped it, rule and field, fix, and who can help."""

from typing import Any

from django.utils.translation import gettext as _

from policies.results import Denied


def problem(denied: Denied, *, title: str) -> dict[str, Any]:
    """For components/problem.html. The people who can help stand in the sentence, in their own words."""
    detail = denied.reason
    if denied.who:
        detail = _("%(reason)s Who can: %(who)s.") % {"reason": denied.reason, "who": denied.who}
    return {"title": title, "detail": detail, "rule": denied.rule, "field": denied.field, "fix": denied.fix}


def field_errors(denied: Denied | None) -> dict[str, list[str]]:
    """Sentences by field, for a form that is shown again."""
    found: dict[str, list[str]] = {}
    if denied is None:
        return found
    for error in denied.errors:
        found.setdefault(error.field, []).append(f"{error.message} {error.fix}".strip())
    if not denied.errors:
        found[denied.field] = [f"{denied.reason} {denied.fix}".strip()]
    return found
