"""Quotas and budgets as people meet them: bars, who uses what, what a lower limit does, and F7 on both ways in."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from audit.context import context
from policies.models import Budget, Decision, Organisation, Quota, QuotaReservation
from provisioning import holdings
from provisioning.models import Environment, Operation
from tests.people import Demo
from tests.portal.api import made
from tests.portal.api.conftest import token_of
from tests.portal.visitors import signed_in

pytestmark = pytest.mark.django_db

ASK = "/catalogue/web-service/request/"
FORM = {
    "key": "k",
    "service": "payments-api",
    "tier": "dev",
    "name": "payments-next",
    "p-size": "S",
    "p-greeting": "hi",
}


def held(demo: Demo, name: str, owner: str = "mara", **fields) -> Environment:
    """A living environment that holds what it needs."""
    environment = made.environment(demo, name, owner=getattr(demo, owner), ready_at=timezone.now(), **fields)
    with context(by="system:test"):
        assert holdings.reserve(environment) == []
    return environment


def limit(demo: Demo, number: int) -> Quota:
    with context(by="system:test"):
        Quota.objects.update(limit=number)
    return Quota.objects.get()


@pytest.fixture
def full(demo: Demo) -> Demo:
    """Payments holds three of three: Mara's runs and is suspended, Ines' runs out in a day."""
    held(demo, "payments-a")
    held(demo, "payments-b", status="suspended", suspended_at=timezone.now() - timedelta(days=9))
    ends = timezone.now() + timedelta(hours=30)
    held(demo, "payments-c", "ines", expires_at=ends, expires_at_most=ends)
    limit(demo, 3)
    return demo


def _nothing_new() -> None:
    assert Environment.objects.count() == 3
    assert Operation.objects.count() == 0
    assert QuotaReservation.objects.filter(metric="environments").count() == 3
    assert [row["rule"] for row in Decision.objects.get().findings] == ["quota.environments"]


def test_f7_a_full_quota_says_on_the_form_who_uses_what_and_what_could_be_given_back(full: Demo) -> None:
    answer = signed_in(full.mara).post(ASK, FORM)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "Payments uses 3 of 3 environments; this needs 1 more." in text
    assert "Give back payments-b, payments-c, or ask a platform engineer for a higher quota." in text
    for name in ("payments-a", "payments-b", "payments-c"):
        assert f'<a href="/environments/{Environment.objects.get(name=name).pk}/">{name}</a>' in text
    assert "suspended 9 days ago" in text
    assert "ends in 29 hours" in text
    assert 'value="payments-next"' in text
    _nothing_new()


def test_f7_a_full_quota_says_the_same_through_the_api(full: Demo) -> None:
    asked = {"service": "payments-api", "template": "web-service", "name": "payments-next", "tier": "dev"}
    answer = token_of(full.mara).post("/operations/", {"kind": "create", "reason": "", **asked})
    said = answer.json()
    (quota,) = said["about"]["quotas"]
    assert (answer.status_code, said["rule"], said["who"]) == (
        409,
        "quota.environments",
        "Ines, or a platform engineer",
    )
    assert said["title"] == "Payments uses 3 of 3 environments; this needs 1 more."
    assert (quota["scope"], quota["used"], quota["limit"], quota["needed"]) == ("Payments", 3, 3, 1)
    assert [row["name"] for row in quota["users"]] == ["payments-a", "payments-b", "payments-c"]
    shown = [(row["name"], row["why"], row["yours"]) for row in quota["reclaim"]]
    assert shown == [("payments-b", "suspended 9 days ago", True), ("payments-c", "ends in 29 hours", False)]
    _nothing_new()


def test_f7_of_others_environments_only_the_number_is_said(full: Demo) -> None:
    with context(by="system:test"):
        Quota.objects.all().delete()
        Quota.objects.create(organisation=Organisation.objects.get(), metric="environments", limit=3)
        service = type(full.api).objects.create(team=full.reliability, slug="probe", name="Probe")
        full.reliability.memberships.update(role="developer")
    asked = {"kind": "create", "service": service.slug, "template": "web-service", "name": "probe-dev", "tier": "dev"}
    said = token_of(full.tomasz).post("/operations/", {**asked, "reason": ""}).json()
    (quota,) = said["about"]["quotas"]
    assert (quota["scope"], quota["users"], quota["others"], quota["reclaim"]) == ("Harbour", [], 3, [])
    assert said["fix"] == "Ask a platform engineer for a higher quota."


def test_f7_the_form_says_it_while_typing_and_writes_nothing(full: Demo) -> None:
    text = signed_in(full.mara).post(f"{ASK}check/", FORM, headers={"HX-Request": "true"}).content.decode()
    assert "3 of 3, this takes 1 more" in text
    assert "Could be given back" in text
    assert not Decision.objects.exists()


def test_the_list_shows_every_scope_that_the_viewer_may_see(full: Demo) -> None:
    with context(by="system:test"):
        Quota.objects.create(team=full.reliability, metric="environments", limit=7)
        Quota.objects.create(organisation=Organisation.objects.get(), tier="prod", metric="vcpu", limit=64)
    mine = signed_in(full.mara).get("/quotas/").content.decode()
    assert ("Payments</a>" in mine, "Harbour, prod</a>" in mine, "Reliability</a>" in mine) == (True, True, False)
    assert "3 of 3" in mine
    assert "Set a quota" not in mine
    only = signed_in(full.pia).get("/quotas/?form=tier").content.decode()
    assert ("Harbour, prod</a>" in only, "Payments</a>" in only, "Set a quota" in only) == (True, False, True)


def test_the_team_page_shows_its_bars(full: Demo) -> None:
    assert "3 of 3" in signed_in(full.vera).get("/teams/payments/").content.decode()


def test_a_lower_limit_is_saved_only_after_what_it_does_was_shown(full: Demo) -> None:
    client, quota = signed_in(full.pia), Quota.objects.get()
    blind = client.post(f"/quotas/{quota.pk}/", {"limit": "2", "asked": "set"})
    assert (blind.status_code, Quota.objects.get().limit) == (409, 3)
    seen = client.post(f"/quotas/{quota.pk}/", {"limit": "2", "asked": "preview"})
    said = (
        "Payments uses 3 of the new limit 2 environments: nothing is stopped, "
        "new requests are refused until 1 environments are given back."
    )
    assert said in seen.content.decode()
    shown = seen.context["impact"].shown
    done = client.post(
        f"/quotas/{quota.pk}/", {"limit": "2", "asked": "set", "shown": shown, "reason": "Cheaper"}, follow=True
    )
    assert (done.status_code, Quota.objects.get().limit) == (200, 2)
    page = client.get(f"/quotas/{quota.pk}/").content.decode()
    assert "Cheaper" in page
    assert "Could be given back" in page


def test_another_use_is_another_impact(full: Demo) -> None:
    client, quota = signed_in(full.pia), Quota.objects.get()
    shown = client.post(f"/quotas/{quota.pk}/", {"limit": "2", "asked": "preview"}).context["impact"].shown
    limit(full, 9)
    held(full, "payments-d")
    answer = client.post(f"/quotas/{quota.pk}/", {"limit": "2", "asked": "set", "shown": shown})
    assert (answer.status_code, Quota.objects.get().limit) == (409, 9)


def test_the_api_sets_previews_and_removes_a_quota(demo: Demo) -> None:
    pia = token_of(demo.pia)
    wanted = {"team": "payments", "metric": "cost_month", "currency": "EUR", "limit": "12.50"}
    assert pia.put("/quotas/", wanted).json()["limit"] == "12.50"
    lower = {**wanted, "limit": "10.00"}
    refused = pia.put("/quotas/", lower)
    assert (refused.status_code, refused.json()["rule"]) == (409, "quota.impact_seen")
    shown = pia.post("/quotas/preview/", lower).json()
    assert (shown["before"], shown["limit"], shown["used"], shown["lowers"]) == ("12.50", "10.00", "0.00", True)
    made_one = pia.put("/quotas/", {**lower, "shown": shown["shown"]}).json()
    assert (made_one["limit"], made_one["form"], made_one["scope"]) == ("10.00", "team", "Payments")
    assert pia.get("/quotas/?metric=cost_month").json()["results"] == [made_one]


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"team": "payments", "service": "payments-api"}, "limit.scope"),
        ({"service": "payments-api", "tier": "dev"}, "limit.scope"),
        ({"team": "payments", "metric": "Bad name"}, "quota.metric"),
        ({"team": "payments", "limit": "1.5"}, "quota.limit"),
        ({"team": "payments", "currency": "EUR"}, "quota.currency"),
        ({"team": "payments", "metric": "cost_month", "currency": "euro"}, "request.max_length"),
        ({"team": "payments", "metric": "cost_month", "currency": "eur"}, "limit.currency"),
    ],
)
def test_what_no_quota_can_be_is_refused(demo: Demo, wrong, rule) -> None:
    answer = token_of(demo.pia).put("/quotas/", {"metric": "vcpu", "limit": "3", **wrong})
    assert (answer.status_code, answer.json()["rule"]) == (422, rule)
    assert Quota.objects.count() == 1


def test_a_budget_is_set_shown_and_removed(full: Demo) -> None:
    with context(by="system:test"):
        Environment.objects.update(rate_running=Decimal("0.05"))
    client = signed_in(full.pia)
    sent = {"where": "team:payments", "amount": "200", "currency": "EUR", "below": "20", "blocks": "on"}
    month = client.post("/quotas/budgets/new/", {**sent, "asked": "preview"})
    assert (month.status_code, Budget.objects.exists()) == (200, False)
    assert month.context["projection"].committed > 0
    assert client.post("/quotas/budgets/new/", {**sent, "asked": "set"}).status_code == 302
    budget = Budget.objects.get()
    assert (budget.amount, budget.blocks, budget.auto_approve_below) == (Decimal(200), True, Decimal(20))
    assert "refuses" in client.get("/quotas/").content.decode()
    assert client.post(f"/quotas/budgets/{budget.pk}/", {"asked": "remove"}).status_code == 422
    client.post(f"/quotas/budgets/{budget.pk}/", {"asked": "remove", "reason": "Not needed"})
    assert not Budget.objects.exists()
