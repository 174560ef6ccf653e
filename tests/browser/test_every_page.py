"""Each page that the journeys do not stop at: sound in the browser, and a picture of it."""

from collections.abc import Callable

import pytest

from tests.browser.window import MARKS, Window

pytestmark = MARKS
Open = Callable[..., Window]
PAGES = [
    ("mara", "/environments/", "50-environments", True),
    ("mara", "/environments/?q=nothing-is-called-so", "51-environments-none", False),
    ("mara", "/pipelines/", "52-pipelines", False),
    ("mara", "/pipelines/payments-api/releases/new/", "53-release-new", False),
    ("mara", "/history/?what=nothing.of.the.kind", "54-history-none", False),
    ("mara", "/search/?q=nothing-is-called-so", "55-search-none", False),
    ("mara", "/teams/", "56-teams", False),
    ("mara", "/teams/payments/", "57-team", False),
    ("mara", "/shortcuts/", "58-shortcuts", False),
    ("mara", "/api/docs/", "59-api-docs", False),
    ("mara", "/#menu", "60-menu", True),
    ("jonas", "/", "61-home-approver", False),
    ("ana", "/inbox/", "62-inbox-empty", False),
    ("priya", "/", "63-home-platform", False),
    ("priya", "/catalogue/postgres-database/", "64-template-database", False),
    ("priya", "/governance/", "70-governance", False),
    ("priya", "/policies/", "71-policies", False),
    ("priya", "/policies/bundles/", "72-bundles", False),
    ("priya", "/policies/rules/new/", "73-rule-new", False),
    ("priya", "/waivers/1/", "74-waiver", False),
    ("priya", "/approval-rules/", "75-approval-rules", False),
    ("priya", "/approval-rules/new/", "76-approval-rule-new", False),
    ("tomasz", "/approval-rules/delegations/", "77-delegations", False),
    ("priya", "/quotas/", "78-quotas", True),
    ("priya", "/quotas/new/", "79-quota-new", False),
    ("priya", "/windows/", "80-windows", False),
    ("priya", "/windows/new/", "81-window-new", False),
    ("priya", "/windows/stops/", "82-stops", False),
    ("priya", "/windows/switches/", "83-switches", False),
    ("priya", "/access/?permission=deploy&scope=service:ledger", "84-access", True),
    ("priya", "/access/roles/", "85-roles", False),
    ("priya", "/access/people/tomasz/", "86-person", False),
    ("priya", "/access/reviews/", "87-reviews", False),
    ("priya", "/second-factor/rules/", "88-factor-rules", False),
    ("mara", "/settings/security/", "89-security", False),
]


@pytest.mark.parametrize(("who", "path", "name", "key"), PAGES, ids=[page[2] for page in PAGES])
def test_a_page_is_sound(window: Open, who: str, path: str, name: str, key: bool) -> None:
    person = window(who)
    person.go(path)
    person.shot(name, key=key)


def test_what_is_not_there_is_said_in_words(window: Open) -> None:
    mara = window("mara")
    mara.go("/environments/00000000-0000-0000-0000-000000000000/")
    mara.heading("Nothing here for you")
    mara.shot("65-not-there")
