"""Who leaves takes their signatures along: what was queued by them waits again, and those who are left are asked."""

import pytest
from django.utils import timezone

from audit.context import context
from policies.models import Service, Signature
from policies.permissions import Permission
from provisioning.actions.leaving import leave
from provisioning.models import Operation
from provisioning.selectors import waiting_for
from tests.policies.test_access_rights import given
from tests.provisioning.engine import drain
from tests.provisioning.queued import take
from tests.provisioning.signed import RELIABILITY, fresh, planned, ruled, sign
from tests.provisioning.test_delegation import away

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_moment")]
OWNING = {"name": "Owning", "owning_least": 1}


def left(demo, person) -> dict[str, int]:
    ended = leave(by=demo.pia, person=person, reason="New job.")
    assert isinstance(ended, dict), ended
    return ended


def in_line(demo) -> Operation:
    """Signed by Jonas of the owning team and by Tomasz; nobody has begun it."""
    ruled(OWNING, {**RELIABILITY, "position": 2})
    operation = planned(demo)
    assert sign(demo.jonas, operation)
    assert sign(demo.tomasz, operation)
    assert fresh(operation).status == "queued"
    return operation


def test_what_was_queued_with_their_signature_waits_again_and_goes_on_with_another(demo):
    operation = in_line(demo)
    assert left(demo, demo.jonas)["signatures"] == 1
    row = fresh(operation)
    assert (row.status, row.asked) == ("awaiting_approval", ["team:payments"])
    assert row.blocked == "Jonas left, so another signature is needed."
    assert take() == ""
    assert operation in waiting_for(demo.ines)
    assert sign(demo.ines, operation)
    assert fresh(operation).status == "queued"


def test_what_another_signed_for_them_waits_again_too(demo):
    assert away(demo.jonas, demo.olaf)
    ruled(OWNING, {**RELIABILITY, "position": 2})
    operation = planned(demo)
    assert sign(demo.olaf, operation)
    assert sign(demo.tomasz, operation).status == "queued"
    assert left(demo, demo.jonas)["signatures"] == 1
    assert (fresh(operation).status, fresh(operation).asked) == ("awaiting_approval", ["team:payments"])
    assert Signature.objects.get(signer=demo.olaf).void_reason == "Jonas left."


def test_an_earlier_step_is_open_again_and_its_people_are_asked(demo):
    ruled(OWNING, {**RELIABILITY, "position": 2})
    operation = planned(demo)
    assert sign(demo.jonas, operation)
    assert fresh(operation).asked == ["team:reliability"]
    left(demo, demo.jonas)
    assert fresh(operation).asked == ["team:payments"]
    assert (operation in waiting_for(demo.ines), operation in waiting_for(demo.tomasz)) == (True, False)


def test_what_nobody_can_sign_any_more_says_so_at_once(demo):
    ruled(OWNING, {**RELIABILITY, "position": 2})
    operation = planned(demo)
    left(demo, demo.jonas)
    assert fresh(operation).blocked == ""
    left(demo, demo.ines)
    assert fresh(operation).blocked.startswith("Ines left. Nobody can complete this: ")


def test_who_is_left_is_counted_for_each_service(demo):
    """Equal steps of one team, and somebody who may sign for one of its services alone."""
    ruled(OWNING, tiers=["stage"])
    with context(by="system:test"):
        ledger = Service.objects.create(team=demo.payments, slug="ledger", name="Ledger")
    of_api = planned(demo, name="payments-api-stage", tier="stage")
    of_ledger = planned(demo, name="ledger-stage", tier="stage", service=ledger)
    given(demo, demo.tomasz, service=ledger, permission=Permission.APPROVE)
    left(demo, demo.jonas)
    left(demo, demo.ines)
    assert fresh(of_api).blocked.startswith("Ines left. Nobody can complete this: ")
    assert (fresh(of_ledger).blocked, of_ledger in waiting_for(demo.tomasz)) == ("", True)


def test_what_has_begun_keeps_what_was_signed(demo):
    operation = in_line(demo)
    with context(by="system:test"):
        Operation.objects.filter(pk=operation.pk).update(plan_locked_at=timezone.now())
    assert left(demo, demo.jonas)["signatures"] == 0
    assert (fresh(operation).status, Signature.objects.filter(voided_at=None).count()) == ("queued", 2)
    assert drain() > 0
