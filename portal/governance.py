"""The parts of governance in the order of their tabs. Each part's pages and rules are modules of their own."""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy


@dataclass(frozen=True)
class Part:
    """One part: its word, the name of its first page, and what it is for in a sentence."""

    label: str | Promise
    route: str
    says: str | Promise

    @property
    def url(self) -> str:
        """The address of its first page, or nothing while the part has none."""
        try:
            return reverse(self.route)
        except NoReverseMatch:
            return ""


PARTS = (
    Part(lazy("Policies"), "policies", lazy("What may happen now: rules, bundles, decisions and what breaks a rule.")),
    Part(lazy("Waivers"), "waivers", lazy("Exceptions that somebody asked for, that somebody granted, and their end.")),
    Part(lazy("Approval rules"), "approval_rules", lazy("Who must sign which plan, how many, and in which order.")),
    Part(lazy("Quotas & budgets"), "quotas", lazy("How much each team may hold and spend, and who uses it.")),
    Part(lazy("Windows"), "windows", lazy("When changes may run: freezes, windows, stopped lines and switches.")),
    Part(lazy("Second factors"), "factor_rules", lazy("Which acts need a second factor, and who has one.")),
    Part(lazy("Access"), "access", lazy("Who may do what, and why; grants, service accounts and reviews.")),
)


def parts() -> list[Part]:
    """The parts that have a page."""
    return [part for part in PARTS if part.url]


def is_below(path: str) -> bool:
    """Is this the address of a page of governance?"""
    return path.startswith((reverse("governance"), *(part.url for part in parts())))
