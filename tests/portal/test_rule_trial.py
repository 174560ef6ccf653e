"""What a rule would have asked of the last weeks, and who could sign by it now: told before it is in force."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.context import context
from provisioning.models import Operation
from provisioning.rule_trial import signers_now, teams_of, try_out, unsatisfiable
from tests import people
from tests.portal.api import made
from tests.portal.visitors import signed_in
from tests.provisioning.signed import RELIABILITY

pytestmark = pytest.mark.django_db


def kept(*steps, **fields):
    with context(by="system:test"):
        return people.rule("tried", steps=list(steps), active=False, **fields)


def page(who) -> str:
    return signed_in(who).get(reverse("approval_rule", args=["tried"])).content.decode()


@pytest.fixture
def asked(demo):
    """A change in prod, one in dev, and one that nobody asked for."""
    prod = made.environment(demo, "payments-api-prod", tier="prod")
    found = made.operation(demo, prod, kind="update")
    dev = made.environment(demo)
    made.operation(demo, dev, kind="update")
    made.operation(demo, dev, kind="reconcile", requester=None, origin="recheck")
    return found


def test_a_rule_is_tried_on_what_people_asked_for_and_says_why_and_how_many(demo, asked):
    trial = try_out(kept({"quorum": 3}, RELIABILITY), seen_by=demo.vera)
    assert trial.looked_at == 2
    assert [(row.operation, row.why, row.signatures, row.asked) for row in trial.matches] == [
        (asked, "tier prod", 4, 0),
    ]
    text = page(demo.vera)
    assert "It matches 1 of 2 operations that people asked for." in text
    assert f'href="/operations/{asked.pk}/"' in text


def test_nobody_learns_from_it_of_operations_that_they_do_not_see(demo, asked):
    trial = try_out(kept({}), seen_by=demo.olaf)
    assert (trial.looked_at, trial.matches) == (0, ())
    text = page(demo.olaf)
    assert "It matches 0 of 0 operations that people asked for." in text
    assert str(asked.pk) not in text


def test_it_looks_back_for_thirty_days(demo, asked, time_machine):
    rule, now = kept({}), timezone.now()
    for days, looked_at in ((29, 2), (31, 0)):
        time_machine.move_to(now + timedelta(days=days))
        assert try_out(rule, seen_by=demo.pia).looked_at == looked_at
    assert Operation.objects.count() == 3


def test_who_could_sign_each_step_now_is_said_and_where_they_are_too_few(demo):
    rule = kept({"name": "Owning"}, {**RELIABILITY, "quorum": 2}, teams=["payments"])
    assert teams_of(rule) == [demo.payments]
    steps = signers_now(rule, demo.payments)
    assert [(s.name, s.quorum, [p.username for p in s.people], s.is_possible) for s in steps] == [
        ("Owning", 1, ["ines", "jonas"], True),
        ("Reliability", 2, ["tomasz"], False),
    ]
    assert unsatisfiable([rule]) == [(rule, demo.payments, steps[1])]
