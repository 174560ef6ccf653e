"""Warm pools: made before anybody asks, claimed by one request, replaced with their version, within a budget."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from policies.results import Denied
from provisioning.actions.change import Ask, submit
from provisioning.actions.pools import PoolAsk, publish_pool, resize_pool
from provisioning.models import Environment, Operation, WarmEnvironment, WarmPool
from provisioning.pools import spent
from provisioning.runs import pools
from tests import noop
from tests.provisioning.engine import drain, ready, requested

pytestmark = pytest.mark.django_db(transaction=True)
ALWAYS = (0, 1, 2, 3, 4, 5, 6)


def asked(demo, **changes):
    fields = {"template": demo.version.template, "service": demo.api, "tier": "dev", "size": 2, "budget": Decimal(100)}
    return PoolAsk(**{**fields, "days": ALWAYS, **changes})


@pytest.fixture
def pool(demo):
    made = publish_pool(by=demo.pia, asked=asked(demo))
    assert isinstance(made, WarmPool), made
    return made


def fill(times=4):
    """Sweep and work until nothing changes any more."""
    return [(pools.sweep(), drain())[0] for _ in range(times)]


def names():
    return sorted(Environment.objects.exclude(status="destroyed").values_list("name", flat=True))


def test_a_pool_is_filled_one_at_a_time_and_no_further(demo, pool):
    assert [done["made"] for done in fill()] == [1, 1, 0, 0]
    rows = Environment.objects.filter(warm__pool=pool)
    assert [(row.status, row.service, row.name[:5]) for row in rows] == [("ready", demo.api, "warm-")] * 2
    assert {operation.origin for operation in Operation.objects.all()} == {"pool"}


def test_a_request_claims_a_warm_one_and_nothing_is_made_again(demo, pool):
    fill()
    noop.CALLS.clear()
    operation = requested(demo, parameters={"size": "S"})
    drain()
    operation.refresh_from_db()
    environment = operation.environment
    assert (operation.kind, operation.status, environment.name) == ("claim", "succeeded", "payments-api-dev")
    assert (environment.owner, environment.status, environment.made_as[:5]) == (demo.mara, "ready", "warm-")
    assert dict(noop.CALLS) == {}
    assert environment.outputs == {"url": f"http://{environment.made_as}.localhost"}
    assert (environment.expires_at - environment.ready_at).days == 14


def test_what_was_claimed_is_made_up_for(demo, pool):
    fill()
    requested(demo)
    fill()
    assert [name[:8] for name in names()].count("payments") == 1
    assert WarmEnvironment.objects.filter(claimed_at=None, environment__status="ready").count() == 2


def test_two_requests_never_get_the_same_one(demo, pool):
    resize_pool(by=demo.pia, pool=pool, size=1)
    fill()
    first, second = requested(demo, name="payments-one"), requested(demo, name="payments-two")
    assert (first.kind, second.kind) == ("claim", "create")
    assert first.environment_id != second.environment_id


@pytest.mark.parametrize("changes", [{"parameters": {"size": "L"}}, {"tier": "test"}])
def test_other_parameters_or_another_tier_are_made_anew(demo, pool, changes):
    fill()
    assert requested(demo, **changes).kind == "create"


def test_those_of_an_old_version_are_destroyed_and_made_again(demo, pool):
    fill()
    old = {row.pk for row in WarmEnvironment.objects.all()}
    with context(by="system:test"):
        template = demo.version.template
        newer = type(demo.version).objects.create(
            template=template, digest="sha256:" + "9" * 64, version="1.1.0", spec=demo.version.spec
        )
        template.current = newer
        template.save()
    fill(6)
    assert set(Environment.objects.filter(pk__in=old).values_list("status", flat=True)) == {"destroyed"}
    now = Environment.objects.filter(warm__pool=pool, status="ready")
    assert [row.template_version for row in now] == [newer, newer]


def test_a_pool_stops_at_its_budget_and_says_so(demo):
    pool = publish_pool(by=demo.pia, asked=asked(demo, budget=Decimal("0.04")))
    assert fill(2) == [{"made": 0, "removed": 0}] * 2
    pool.refresh_from_db()
    assert pool.blocked == "Its budget of 0.04 for this month is used up."
    assert not Environment.objects.exists()


def test_what_it_cost_counts_the_hours_of_waiting_in_this_month(demo, pool):
    fill()
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    WarmEnvironment.objects.update(made_at=now - timedelta(hours=10))
    first = WarmEnvironment.objects.first()
    WarmEnvironment.objects.filter(pk=first.pk).update(claimed_at=now - timedelta(hours=8))
    assert spent(pool, now) == Decimal("0.60")  # 10 and 2 hours at 0.05
    assert spent(pool, datetime(2026, 12, 1, 2, tzinfo=UTC)) == Decimal("0.10")


def test_outside_its_hours_a_pool_is_empty(demo, pool):
    fill()
    with context(by="system:test"):
        WarmPool.objects.update(from_hour=8, to_hour=18, time_zone="Europe/Berlin")
    at_night = timezone.now().replace(hour=22, minute=0)
    assert pools.sweep(at_night) == {"made": 0, "removed": 2}
    drain()
    assert pools.sweep(at_night) == {"made": 0, "removed": 0}
    assert names() == []


def test_hours_are_those_of_the_pools_own_place():
    pool = WarmPool(enabled=True, days=[0], from_hour=8, to_hour=18, time_zone="Europe/Berlin")
    assert pool.is_open(datetime(2026, 7, 6, 6, 0, tzinfo=UTC))
    assert not pool.is_open(datetime(2026, 12, 7, 6, 59, tzinfo=UTC))
    assert not pool.is_open(datetime(2026, 7, 7, 8, 0, tzinfo=UTC))


def test_people_go_first(demo, pool):
    pools.sweep()
    requested(demo, name="payments-other", tier="test")
    drain(2)
    assert Environment.objects.get(name="payments-other").status in {"ready", "creating", "requested"}
    drain()
    done = Operation.objects.filter(status="succeeded").order_by("finished_at").values_list("origin", flat=True)
    assert list(done) == ["person", "pool"]


def test_a_claim_cannot_be_asked_by_itself(demo):
    denied = submit(by=demo.mara, ask=Ask(environment=ready(demo), kind="claim"))
    assert (denied.rule, denied.status) == ("pool.claim", 422)


def test_only_platform_engineers_publish_and_resize(demo, pool):
    for by in (demo.mara, demo.ines, demo.ana):
        assert isinstance(publish_pool(by=by, asked=asked(demo, tier="test")), Denied)
        assert isinstance(resize_pool(by=by, pool=pool, size=3), Denied)
        tries = AuditEvent.objects.filter(event="access.refused", actor=by.audit_ref).order_by("id")
        assert [each.object for each in tries] == ["pool:", f"pool:{pool.pk}"]
    assert WarmPool.objects.get().size == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tier": "prod"}, "tier"),
        ({"size": 21}, "size"),
        ({"days": (7,)}, "days"),
        ({"from_hour": 9, "to_hour": 9}, "days"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"budget": Decimal(0)}, "budget"),
        ({"parameters": {"size": "XXL"}}, "parameters.size"),
    ],
)
def test_a_pool_of_another_form_is_refused(demo, changes, field):
    denied = publish_pool(by=demo.pia, asked=asked(demo, **changes))
    assert (denied.status, [error.field for error in denied.errors]) == (422, [field])
    assert not WarmPool.objects.exists()


def test_the_same_pool_is_kept_once(demo, pool):
    denied = publish_pool(by=demo.pia, asked=asked(demo))
    assert (denied.rule, denied.status) == ("pool.once", 409)


def test_a_claim_that_is_cancelled_before_it_began_leaves_the_environment_to_nobody(demo, pool):
    fill()
    operation = requested(demo)
    from provisioning.actions.control import cancel

    assert cancel(by=demo.mara, operation=operation)
    fill()
    operation.refresh_from_db()
    assert (operation.status, operation.environment.status) == ("cancelled", "destroyed")
