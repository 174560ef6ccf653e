"""Reserving and giving back in any order, by several people at once: never beyond a limit, never adrift."""

import random
from decimal import Decimal

import pytest

from audit.context import context
from policies import quotas
from policies.models import Organisation, Quota, QuotaReservation
from policies.places import Place
from policies.quotas import Wants
from policies.results import Denied
from provisioning import holdings
from provisioning.actions.change import Ask, submit
from provisioning.actions.control import cancel
from provisioning.actions.request import request_environment
from provisioning.drivers.base import DriverRejected
from provisioning.models import Environment, Operation
from provisioning.states import TERMINAL
from tests import noop
from tests.hostile import together
from tests.people import SCHEMA, make_version
from tests.provisioning.engine import drain, wanted

pytestmark = pytest.mark.django_db(transaction=True)
VCPU = {"S": 1, "M": 2, "L": 4}
SIZE = {**SCHEMA["properties"]["size"], "quota": {"vcpu": VCPU}}


@pytest.fixture
def limited(demo):
    with context(by="system:test"):
        sized = {**SCHEMA, "properties": {**SCHEMA["properties"], "size": SIZE}}
        demo.version = make_version(digest="sha256:" + "b" * 64, number="2.0.0", parameters=sized)
        Quota.objects.create(team=demo.payments, metric="vcpu", limit=12)
        Quota.objects.create(organisation=Organisation.objects.get(), metric="vcpu", limit=9)
        Quota.objects.create(service=demo.api, metric="environments", limit=5)
        Quota.objects.create(team=demo.payments, tier="dev", metric="vcpu", limit=10)
    return demo


def _walk(demo, seed: int) -> dict[str, Decimal]:
    """Forty random holds and releases of one person's own subjects; what they believe to hold."""
    chance, mine = random.Random(seed), {}
    for _ in range(40):
        subject = f"environment:{seed}-{chance.randrange(3)}"
        amount = Decimal(chance.choice([0, 1, 2, 4]))
        with context(by="system:test"):
            if amount == 0:
                quotas.release(subject=subject)
                mine.pop(subject, None)
            elif not quotas.hold(Wants(Place(demo.payments, demo.api, "dev"), subject, {"vcpu": amount})):
                mine[subject] = amount
    return mine


def test_four_at_once_stay_within_every_limit_and_agree_with_the_ledger(limited):
    answers = together(*[lambda n=n: _walk(limited, n) for n in range(4)])
    rows = QuotaReservation.objects.filter(released_at=None).values_list("subject", "amount")
    assert dict(rows) == {subject: amount for mine in answers for subject, amount in mine.items()}
    assert 0 < sum(amount for _, amount in rows) <= 9
    assert QuotaReservation.objects.exclude(released_at=None).count() > 20


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_random_life_of_environments_leaves_the_ledger_as_used(limited, seed):
    chance, refused = random.Random(seed), 0
    for number in range(25):
        refused += isinstance(_act(limited, chance, number), Denied)
        noop.TROUBLE.clear()
        assert holdings.differences() == []
        assert quotas.held(limited.payments, "vcpu") <= 9
    assert refused
    assert QuotaReservation.objects.exclude(released_at=None).exists()


def _act(demo, chance: random.Random, number: int) -> object:
    parameters = {"size": chance.choice("SML")}
    waiting = Operation.objects.exclude(status__in=TERMINAL).order_by("created_at")
    living = Environment.objects.exclude(status="destroyed").order_by("name")
    kind = chance.choice(["create", "create", "update", "update", "cancel", "work", "fail", "destroy", "suspend"])
    if kind == "create":
        asked = wanted(demo, name=f"e{number}", tier=chance.choice(["dev", "test"]), parameters=parameters)
        return request_environment(by=demo.mara, wanted=asked)
    if kind == "cancel" and waiting:
        return cancel(by=demo.mara, operation=chance.choice(list(waiting)))
    if kind in {"update", "destroy", "suspend"} and living:
        arguments = {"parameters": parameters} if kind == "update" else {}
        return submit(by=demo.mara, ask=Ask(chance.choice(list(living)), kind, arguments))
    if kind == "fail":
        noop.TROUBLE.update({"thing": [DriverRejected("no")], "undo thing": [DriverRejected("no")]})
    return drain(6)
