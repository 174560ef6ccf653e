"""What an environment costs per hour, from a template's own price book. Pure, and Decimal only.

Not here: budgets, what was really used, currencies other than the template's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

HOURS_PER_DAY = 24
HOURS_PER_MONTH = 730
_CENT = Decimal("0.01")


class Priced(Protocol):
    """Anything with a template's spec: a TemplateVersion, for one."""

    @property
    def spec(self) -> Any:
        """The checked data of template.yaml."""


@dataclass(frozen=True, slots=True)
class Price:
    """Rates per hour, exact; `book` names the price book they come from."""

    running: Decimal
    suspended: Decimal
    currency: str
    book: str

    @property
    def running_per_day(self) -> Decimal:
        """Running for a whole day, in cents' precision."""
        return per_day(self.running)

    @property
    def suspended_per_day(self) -> Decimal:
        """Suspended for a whole day."""
        return per_day(self.suspended)

    @property
    def running_per_month(self) -> Decimal:
        """Running for a month of 730 hours."""
        return per_month(self.running)

    @property
    def suspended_per_month(self) -> Decimal:
        """Suspended for a month of 730 hours."""
        return per_month(self.suspended)


def price(version_or_spec: Priced | Mapping[str, Any], parameters: Mapping[str, Any]) -> Price:
    """The hourly rates with these parameters; an absent one counts at its default.

    Meant for checked parameters: a value that has no price adds nothing, and so does a number below zero.
    """
    spec = version_or_spec if isinstance(version_or_spec, Mapping) else version_or_spec.spec
    book = spec["price"]
    running, suspended = _rates(book["base"])
    for name, table in book.get("additions", {}).items():
        field = spec["parameters"]["properties"].get(name, {})
        more, less = _addition(table, parameters.get(name, field.get("default")))
        running += more
        suspended += less
    return Price(running, suspended, book["currency"], book["book"])


def per_day(hourly: Decimal) -> Decimal:
    """24 hours, rounded half up to cents."""
    return (hourly * HOURS_PER_DAY).quantize(_CENT, rounding=ROUND_HALF_UP)


def per_month(hourly: Decimal) -> Decimal:
    """730 hours (a twelfth of a year), rounded half up to cents."""
    return (hourly * HOURS_PER_MONTH).quantize(_CENT, rounding=ROUND_HALF_UP)


def _rates(entry: Mapping[str, str]) -> tuple[Decimal, Decimal]:
    return Decimal(entry["running"]), Decimal(entry["suspended"])


def _addition(table: Mapping[str, Mapping[str, str]], value: Any) -> tuple[Decimal, Decimal]:
    nothing = Decimal(0), Decimal(0)
    if "each" in table:
        if not isinstance(value, int) or isinstance(value, bool):
            return nothing
        running, suspended = _rates(table["each"])
        return running * max(0, value), suspended * max(0, value)
    key = str(value).lower() if isinstance(value, bool) else str(value)
    return _rates(table[key]) if key in table else nothing
