"""What pages show of approval rules, absences and emergencies, in words."""

from typing import Any

from django.utils.translation import gettext as _

from policies.models import ApprovalRule, BrokenGlass, RuleStep, User
from provisioning.actions.break_glass import may_review

_WORDS = (("kinds", "operation"), ("tiers", "tier"), ("templates", "template"), ("teams", "team"))


def row(rule: ApprovalRule) -> dict[str, Any]:
    """One rule with its steps."""
    return {"rule": rule, "matches": matches(rule), "steps": [step_words(step) for step in rule.steps.all()]}


def matches(rule: ApprovalRule) -> str:
    """What the rule matches, in words."""
    parts = [f"{word} {_('or').join(f' {v} ' for v in getattr(rule, name)).strip()}" for name, word in _WORDS]
    found = [part for part, (name, _word) in zip(parts, _WORDS, strict=True) if getattr(rule, name)]
    if rule.services:
        found.append(f"service {', '.join(rule.services)}")
    if rule.cost_delta is not None:
        found.append(_("at least %(rate)s more an hour") % {"rate": f"{rule.cost_delta.normalize():f}"})
    if rule.findings:
        found.append(_("finding %(rules)s") % {"rules": ", ".join(rule.findings)})
    if rule.outside_window:
        found.append(_("outside the window"))
    return ", ".join(found) or _("everything")


def step_words(step: RuleStep) -> str:
    """How many sign a step, of whom."""
    who = [_("the owning team")] if step.owning else []
    who += list(step.teams) + [_("role %s") % role for role in step.roles]
    least = [_("%s of the owning team") % step.owning_least] if step.owning_least else []
    least += [_("one of %s") % group for group in step.groups]
    words = _("%(n)s. %(name)s: %(quorum)s from %(who)s") % {
        "n": step.position,
        "name": step.name,
        "quorum": step.quorum,
        "who": ", ".join(who),
    }
    return f"{words} ({', '.join(least)})" if least else words


def emergency(user: User, glass: BrokenGlass) -> dict[str, Any]:
    """One emergency, and whether this viewer may review it."""
    return {"glass": glass, "why_not": may_review(user, glass), "key": glass.subject.removeprefix("operation:")}
