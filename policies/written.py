"""Conditions on one person that are written in SQL once per process. What they find is asked anew each time.

What they say stands where the rule stands: permissions.py, and whoever asks for a person's part of a list.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from policies.models import User

ANYBODY = -1  # stands for the person's id until one asks
Rule = Callable[..., QuerySet[Any]]


def for_one(rule: Rule, user: User, *about: Any) -> RawSQL:
    """The ids of the rule's rows for this person, as a part of a larger query.

    `rule(*about)` says it of ANYBODY, and of nothing else that changes between two calls with the same `about`.
    """
    sql, params = _written(rule, *about)
    return RawSQL(sql, [user.pk if param == ANYBODY else param for param in params])  # noqa: S611 - written by Django


@cache
def _written(rule: Rule, *about: Any) -> tuple[str, tuple[Any, ...]]:
    """To build these conditions takes Django ten times as long as Postgres to answer them."""
    sql, params = rule(*about).values("pk").query.sql_with_params()
    return sql, tuple(params)
