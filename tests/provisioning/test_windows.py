"""What windows, stopped lines and switches close is not claimed, the rest is; a running one is held between steps."""

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.context import context
from policies import stops, windows
from policies.models import Window, WindowOccurrence
from provisioning.models import Operation
from provisioning.waiting import waiting
from tests import noop
from tests.policies.test_stops import SOON, on, stopped
from tests.policies.test_windows import HOUR, lasting
from tests.provisioning.engine import ask, drain, ready
from tests.provisioning.queued import queued, take

pytestmark = pytest.mark.django_db


def test_what_is_frozen_waits_and_says_so_and_the_rest_is_taken(demo):
    lasting(demo)
    frozen = queued(demo, "frozen", tier="prod", minute=0)
    queued(demo, "free", minute=1)
    place = waiting(frozen)
    assert place.reason.startswith("Waits for the window friday, opens ")
    assert (place.position, place.length) == (2, 2)
    assert [take(), take()] == ["free", ""]


def test_going_back_is_taken_in_a_freeze_and_while_the_line_is_stopped(demo):
    lasting(demo)
    stopped(demo)
    queued(demo, "back", tier="prod", kind="rollback")
    queued(demo, "forward", tier="prod", kind="deploy")
    assert [take(), take()] == ["back", ""]


def test_nothing_begins_while_provisioning_is_paused_and_all_of_it_afterwards(demo):
    on(demo)
    queued(demo, "waits")
    assert take() == ""
    stops.switch_off(by=demo.pia, name="provisioning")
    assert take() == "waits"


def test_paused_schedules_leave_people_alone(demo):
    on(demo, "schedules")
    queued(demo, "clock", origin="schedule")
    queued(demo, "person")
    assert [take(), take()] == ["person", ""]


@pytest.mark.django_db(transaction=True)
def test_a_running_operation_is_held_between_two_steps_and_goes_on_by_itself(demo):
    noop.STEPS[:] = ["one", "two"]
    environment = ready(demo)
    operation = ask(demo, environment, "update", arguments={"parameters": {"size": "L"}})

    def freeze(change, key) -> None:
        if change.address == "one" and not Window.objects.exists():
            lasting(demo, tiers=("dev",), running="hold")

    noop.HOOKS["before"] = freeze
    drain()
    operation.refresh_from_db()
    assert (operation.status, [step.status for step in operation.steps.all()]) == ("running", ["done", "pending"])
    assert operation.blocked.startswith("Waits for the window friday")
    assert drain() == 0
    with context(by="system:test"):
        Window.objects.update(active=False)
    drain()
    operation.refresh_from_db()
    assert operation.status == "succeeded"


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["freeze", "allow"]),
        st.sampled_from([[], ["dev"], ["prod"]]),
        st.sampled_from([[], ["payments"], ["other"]]),
        st.sampled_from([[], ["update"], ["rollback"]]),
        st.booleans(),
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, kind=st.sampled_from(["update", "rollback"]), tier=st.sampled_from(["dev", "prod"]))
def test_the_claim_and_open_now_agree_on_every_table(demo, rows, kind, tier):
    now = timezone.now()
    with context(by="system:test"):
        Operation.objects.filter(status="queued").update(not_before=now + 1000 * SOON)
        Window.objects.all().delete()
        for number, row in enumerate(rows):
            _write(demo, number, row, now)
    expected = windows.open_now(kind=kind, tier=tier, team="payments", service="payments-api", now=now)
    queued(demo, f"op-{Operation.objects.count()}", kind=kind, tier=tier)
    assert bool(take()) == bool(expected)


def _write(demo, number, row, now) -> None:
    effect, tiers, teams, kinds, lasts = row
    made = Window.objects.create(
        slug=f"w{number}",
        name="w",
        effect=effect,
        rrule="FREQ=DAILY",
        starts_on=now.date(),
        starts_at=now.time(),
        duration=HOUR,
        time_zone="UTC",
        tiers=tiers,
        teams=teams,
        kinds=kinds,
        reason="x",
        known_until=now + 100 * SOON,
        created_by=demo.pia,
    )
    if lasts:
        WindowOccurrence.objects.create(window=made, during=(now - HOUR, now + HOUR))
