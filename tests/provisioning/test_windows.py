"""What windows, stopped lines and switches close is not claimed, the rest is; a running one is held between steps."""

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.context import context
from policies import stops
from policies.models import BrokenGlass, Service, Stop, Switch, SwitchName, Window, WindowOccurrence
from provisioning import closures
from provisioning.models import Environment, Operation
from provisioning.runs import asking, expiry, pools
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


def test_a_stopped_line_holds_its_service_alone_and_a_stop_of_all_holds_everything(demo):
    with context(by="system:test"):
        other = Service.objects.create(team=demo.payments, slug="payments-other", name="Other")
    stopped(demo)
    queued(demo, "waits", minute=0)
    queued(demo, "goes", service=other, minute=1)
    queued(demo, "back", kind="rollback", minute=2)
    assert sorted([take(), take(), take()]) == ["", "back", "goes"]
    assert stops.stop(by=demo.pia, service=None, reason="All of it.")
    queued(demo, "later", service=other, minute=3)
    assert take() == ""


def test_a_broken_glass_passes_a_window(demo):
    lasting(demo)
    frozen = queued(demo, "urgent", tier="prod", status="awaiting_approval", change_digest="sha256:" + "1" * 64)
    people = {"team": frozen.team, "requester": demo.mara, "breaker": demo.ines}
    times = {"at": timezone.now(), "start_by": timezone.now() + HOUR / 6}
    with context(by="system:test"):
        BrokenGlass.objects.create(
            subject=frozen.ref, digest=frozen.change_digest, reason="Prod is down", **people, **times
        )
        Operation.objects.filter(pk=frozen.pk).update(status="queued")
    assert closures.of(frozen) is None
    assert take() == "urgent"


def test_what_is_held_between_steps_is_taken_to_be_cancelled(demo):
    lasting(demo, tiers=("dev",), running="hold")
    held = queued(demo, "held", status="running")
    assert take() == ""
    with context(by="system:test"):
        Operation.objects.filter(pk=held.pk).update(cancel_requested_at=timezone.now())
    assert take() == "held"


@pytest.mark.parametrize("name", ["reconcile", "read_only"])
def test_paused_reconciling_leaves_people_alone(demo, name):
    on(demo, name)
    queued(demo, "machine", origin="recheck", kind="reconcile")
    queued(demo, "person", kind="reconcile")
    assert [take(), take()] == ["person", ""]


@pytest.mark.parametrize("name", ["schedules", "read_only"])
def test_nothing_ends_by_the_clock_while_schedules_are_paused(demo, monkeypatch, name):
    def never(moment):
        raise AssertionError("it looked for what is due")

    monkeypatch.setattr(expiry, "due_for_grace", never)
    on(demo, name)
    assert expiry.sweep() == {"warned": 0, "suspended": 0, "destroyed": 0, "repeated": 0}
    assert pools.sweep() == {"made": 0, "removed": 0}


@pytest.mark.parametrize("name", ["schedules", "read_only"])
def test_paused_schedules_leave_people_alone(demo, name):
    on(demo, name)
    queued(demo, "clock", origin="schedule")
    queued(demo, "person")
    assert [take(), take()] == ["person", ""]


def test_nothing_expires_unsigned_in_read_only_mode_nor_within_the_hour_after_it(demo):
    now = timezone.now()
    waits = queued(demo, "waits", status="awaiting_approval", approval_expires_at=now)
    switch = on(demo, "read_only")
    assert asking.sweep(now)["expired"] == 0
    waits.refresh_from_db()
    assert (waits.status, waits.approval_expires_at) == ("awaiting_approval", switch.ends_at + SOON)
    stops.switch_off(by=demo.pia, name="read_only")
    assert asking.sweep(switch.ends_at)["expired"] == 0
    assert asking.sweep(switch.ends_at + SOON)["expired"] == 1


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
    st.fixed_dictionaries(
        {
            "effect": st.sampled_from(["freeze", "allow"]),
            "tiers": st.sampled_from([[], ["dev"], ["prod"], ["dev", "prod"]]),
            "teams": st.sampled_from([[], ["payments"], ["other"]]),
            "services": st.sampled_from([[], ["payments-api"], ["other"]]),
            "kinds": st.sampled_from([[], ["update"], ["rollback"]]),
            "running": st.sampled_from(["finish", "hold"]),
            "active": st.sampled_from([True, True, True, False]),
            "lasts": st.booleans(),
            "known": st.sampled_from([True, True, True, False]),
        }
    ),
    max_size=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=ROWS,
    kind=st.sampled_from(["update", "rollback"]),
    tier=st.sampled_from(["dev", "prod"]),
    status=st.sampled_from(["queued", "queued", "requested", "running"]),
    origin=st.sampled_from(["person", "schedule", "recheck"]),
    stopped_line=st.sampled_from(["", "", "payments-api", "other", "all", "lifted"]),
    switches=st.lists(st.sampled_from(SwitchName.values), max_size=2, unique=True),
    over=st.booleans(),
    glass=st.sampled_from(["", "", "", "fresh", "late"]),
)
def test_the_claim_agrees_with_what_is_said_on_every_table_of_windows_stops_switches_and_emergencies(
    demo, rows, kind, tier, status, origin, stopped_line, switches, over, glass
):
    now, by_person = timezone.now(), origin == "person"
    # The database lets no schedule change prod, and only what a person asked for waits for signatures.
    tier, glass = (tier, glass) if by_person else ("dev", "")
    waits = queued(
        demo, f"op-{Environment.objects.count()}", kind=kind, tier=tier, origin=origin, **_stage(glass, status)
    )
    with transaction.atomic():
        with context(by="system:test"):
            Window.objects.all().delete()
            for number, row in enumerate(rows):
                _write(demo, number, row, now)
            _stop(demo, stopped_line, now)
            _switch(demo, switches, now - 2 * SOON, now - HOUR / 60 if over else now + HOUR)
            _break(demo, waits, glass, status, now)
        waits.refresh_from_db()
        held = closures.held_midway(waits, now) if status == "running" else closures.of(waits, now)
        assert take() == ("" if held is not None else waits.reason)
        transaction.set_rollback(True)
    with context(by="system:test"):
        Operation.objects.filter(pk=waits.pk).update(not_before=now + 1000 * SOON)


def _stage(glass, status) -> dict[str, object]:
    digest = {"change_digest": "sha256:" + "1" * 64}
    return {**digest, "status": "awaiting_approval"} if glass else {**digest, "status": status}


def _break(demo, waits, glass, status, now) -> None:
    """Somebody broke the glass of it: just now, or so long ago that it may begin no more."""
    if not glass:
        return
    at = now if glass == "fresh" else now - HOUR
    people = {"team": waits.team, "requester": waits.requester, "breaker": demo.ines, "reason": "Prod is down"}
    BrokenGlass.objects.create(subject=waits.ref, digest=waits.change_digest, at=at, start_by=at + HOUR / 6, **people)
    for to in {"running": ["queued", "running"]}.get(status, [status]):
        Operation.objects.filter(pk=waits.pk).update(status=to)


def _stop(demo, which, now) -> None:
    if not which:
        return
    other = Service.objects.get_or_create(team=demo.payments, slug="payments-other", defaults={"name": "Other"})[0]
    service = {"all": None, "other": other}.get(which, demo.api)
    made = Stop.objects.create(service=service, reason="x", stopped_by=demo.ines)
    if which == "lifted":
        Stop.objects.filter(pk=made.pk).update(lifted_by=demo.pia, lifted_at=now, lift_reason="y")


def _switch(demo, names, began, ends) -> None:
    for name in names:
        Switch.objects.create(name=name, reason="x", by=demo.pia, began_at=began, ends_at=ends)


def _write(demo, number, row, now) -> None:
    scope = {name: value for name, value in row.items() if name not in {"lasts", "known"}}
    made = Window.objects.create(
        slug=f"w{number}",
        name="w",
        rrule="FREQ=DAILY",
        starts_on=now.date(),
        starts_at=now.time(),
        duration=HOUR,
        time_zone="UTC",
        reason="x",
        known_until=now + 100 * SOON if row["known"] else now - SOON,
        created_by=demo.pia,
        **scope,
    )
    if row["lasts"]:
        WindowOccurrence.objects.create(window=made, during=(now - HOUR, now + HOUR))
