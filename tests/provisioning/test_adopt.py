"""Existing things come under management by a plan that only imports, and only those assigned to the team."""

import pytest
from django.utils import timezone

from audit.context import context
from policies.models import Decision
from policies.results import Denied
from provisioning.actions.adopt import adopt
from provisioning.actions.change import Ask, submit
from provisioning.drivers.base import Change, DriverRejected
from provisioning.models import Environment, InventoryImport, InventoryItem, Operation
from tests import noop
from tests.provisioning.engine import ask, drain, wanted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def items(demo):
    """Two things outside, assigned to Payments."""
    with context(by="system:test"):
        read = InventoryImport.objects.create(source="csv", name="list.csv", by=demo.pia, finished_at=timezone.now())
        made = [
            InventoryItem.objects.create(
                driver="noop",
                kind="thing",
                address=address,
                resource_id=f"id-{address}",
                seen_in=read,
                seen_at=timezone.now(),
                team=demo.payments,
            )
            for address in ("cache", "thing")
        ]
    noop.STRAYS.update({f"id-{item.address}": {"found": item.address} for item in made})
    return made


def adopted(demo, items, **changes):
    return adopt(by=changes.pop("by", demo.mara), wanted=wanted(demo, **changes), items=[item.pk for item in items])


def test_what_exists_is_adopted_without_being_touched(demo, items):
    operation = adopted(demo, items)
    drain()
    operation.refresh_from_db()
    assert (operation.kind, operation.status) == ("adopt", "succeeded")
    assert [(c["address"], c["action"]) for c in operation.plan["changes"]] == [
        ("cache", "import"),
        ("thing", "import"),
    ]
    assert noop.WORLD[str(operation.environment_id)] == {"cache": {"found": "cache"}, "thing": {"found": "thing"}}
    items[0].refresh_from_db()
    assert (operation.environment.status, items[0].state) == ("ready", "adopted")


def test_a_plan_that_would_do_more_is_refused_before_anybody_signs(demo, items):
    noop.HOOKS["beyond"] = (Change("thing", "change", {"a": 1}, {"a": 2}),)
    operation = adopted(demo, items, name="payments-api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    assert operation.status == "failed"
    assert operation.error == "It may only import, but it would also change thing. Nothing was touched."
    assert (operation.approval_expires_at, noop.WORLD) == (None, {})
    assert operation.environment.status == "destroyed"
    assert [item.state for item in InventoryItem.objects.all()] == ["assigned", "assigned"]


def test_prod_is_adopted_with_the_signatures_of_a_creation(demo, items):
    operation = adopted(demo, items, name="payments-api-prod", tier="prod")
    drain()
    operation.refresh_from_db()
    assert (operation.status, operation.signatures_needed) == ("awaiting_approval", 2)


def test_an_adoption_that_fails_lets_everything_go_again(demo, items):
    noop.TROUBLE["thing"] = [DriverRejected("The target said no.")]
    operation = adopted(demo, items)
    drain()
    operation.refresh_from_db()
    assert (operation.status, operation.environment.status) == ("rolled_back", "destroyed")
    assert noop.STRAYS == {"id-cache": {"found": "cache"}, "id-thing": {"found": "thing"}}
    assert isinstance(adopted(demo, items, name="payments-again"), Operation)


def test_what_belongs_to_another_team_cannot_be_adopted(demo, items):
    with context(by="system:test"):
        items[0].team = demo.reliability
        items[0].save()
    denied = adopted(demo, items)
    assert isinstance(denied, Denied)
    assert (denied.rule, denied.who) == ("adopt.assigned", "A platform engineer assigns them")
    assert not Environment.objects.exists()
    assert Decision.objects.get().allowed is False


def test_what_is_adopted_cannot_be_adopted_twice(demo, items):
    adopted(demo, items)
    denied = adopted(demo, items, name="payments-again")
    assert (denied.rule, denied.status) == ("adopt.free", 409)
    assert Environment.objects.count() == 1


def test_only_who_may_request_may_adopt(demo, items):
    denied = adopted(demo, items, by=demo.vera)
    assert denied.rule == "role.request"
    assert not Operation.objects.exists()


def test_adopting_is_not_asked_of_an_environment_that_exists(demo, items):
    operation = adopted(demo, items)
    drain()
    answer = submit(by=demo.mara, ask=Ask(environment=operation.environment, kind="adopt"))
    assert (answer.rule, answer.status) == ("operation.kind", 422)


def test_what_was_adopted_is_changed_and_destroyed_like_any_other(demo, items):
    operation = adopted(demo, items)
    drain()
    ask(demo, Environment.objects.get(pk=operation.environment_id), "destroy")
    drain()
    assert noop.WORLD[str(operation.environment_id)] == {}


def test_an_address_may_be_given_where_the_template_calls_it_otherwise(demo, items):
    names = {items[0].pk: "module.cache"}
    operation = adopt(by=demo.mara, wanted=wanted(demo), items=[i.pk for i in items], addresses=names)
    assert operation.arguments["imports"] == {"module.cache": "id-cache", "thing": "id-thing"}
    same = {item.pk: "one" for item in items}
    denied = adopt(by=demo.mara, wanted=wanted(demo, name="other-dev"), items=[i.pk for i in items], addresses=same)
    assert denied.rule == "adopt.addresses"


def test_a_driver_that_cannot_adopt_is_said_to_be_so(demo, items, monkeypatch):
    monkeypatch.setattr(noop.NoopDriver, "capabilities", frozenset({"create", "destroy"}))
    denied = adopted(demo, items)
    assert (denied.rule, denied.reason) == ("adopt.driver", "The driver noop cannot adopt.")
