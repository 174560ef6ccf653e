"""Stopped lines and switches: a second person lifts, the database agrees, and each use of a switch has its end."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent, OutboxEvent
from policies import stops
from policies.models import Stop, Switch
from policies.results import Denied

pytestmark = pytest.mark.django_db
SOON = timedelta(hours=1)


def stopped(demo, by=None) -> Stop:
    made = stops.stop(by=by or demo.ines, service=demo.api, reason="Orders are doubled.")
    assert isinstance(made, Stop), made
    return made


def on(demo, name: str = "provisioning") -> Switch:
    made = stops.switch_on(by=demo.pia, name=name, reason="The cluster moves.", ends_at=timezone.now() + SOON)
    assert isinstance(made, Switch), made
    return made


def tries(person) -> list[tuple[str, str]]:
    """What the history says they were refused: of what, by which rule."""
    rows = AuditEvent.objects.filter(event="access.refused", actor=person.audit_ref).order_by("id")
    return [(row.object, row.data["rule"]) for row in rows]


def test_a_line_is_stopped_once_and_announced(demo):
    stopped(demo)
    again = stops.stop(by=demo.pia, service=demo.api, reason="Me too.")
    assert isinstance(again, Denied)
    assert (again.rule, again.status) == ("stop.once", 409)
    assert OutboxEvent.objects.filter(topic="line.stopped").count() == 1


def test_an_owner_stops_a_service_and_not_everything(demo):
    refused = stops.stop(by=demo.ines, service=None, reason="All of it.")
    assert isinstance(refused, Denied)
    assert refused.rule == "role.stop_the_line"
    assert not Stop.objects.exists()
    assert tries(demo.ines) == [("stop:everything", "role.stop_the_line")]


def test_who_stopped_it_never_lifts_it_superusers_included(demo):
    with context(by="system:test"):
        demo.pia.is_superuser = True
        demo.pia.save()
    made = stopped(demo, by=demo.pia)
    refused = stops.lift(by=demo.pia, stop=made, reason="Mended.")
    assert isinstance(refused, Denied)
    assert refused.rule == "stop.second_person"
    assert not OutboxEvent.objects.filter(topic="line.lifted").exists()
    assert tries(demo.pia) == [(made.ref, "stop.second_person")]
    assert stops.lift(by=demo.ines, stop=made, reason="Mended.")
    assert not stops.open_stops().exists()
    assert OutboxEvent.objects.get(topic="line.lifted").payload == {"service": "payments-api", "reason": "Mended."}


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE policies_stop SET lifted_by_id = stopped_by_id, lifted_at = now()",
        "UPDATE policies_stop SET stopped_by_id = %(other)s",
        "UPDATE policies_stop SET lifted_at = now()",
        "DELETE FROM policies_stop",
        "TRUNCATE policies_stop",
    ],
)
def test_raw_sql_as_the_app_cannot_lift_for_oneself_or_change_or_remove_a_stop(demo, sql):
    stopped(demo)
    with pytest.raises(DatabaseError), context(by=demo.ines), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, {"other": demo.pia.pk})
    assert stops.open_stops().count() == 1


def test_a_switch_ends_by_itself_and_its_end_is_recorded(demo):
    made = on(demo)
    assert stops.is_on("provisioning")
    assert not stops.on(timezone.now() + 2 * SOON).exists()
    assert stops.end_over() == 0
    assert stops.switch_off(by=demo.pia, name="provisioning")
    made.refresh_from_db()
    assert (made.ended_by, stops.is_on("provisioning")) == (demo.pia, False)


def test_a_switch_whose_end_has_come_is_off_and_the_sweep_writes_it_down_once(demo):
    now = timezone.now()
    with context(by=demo.pia):
        made = Switch.objects.create(
            name="read_only", reason="The cluster moves.", by=demo.pia, began_at=now - 2 * SOON, ends_at=now - SOON
        )
    assert not stops.is_on("read_only")
    assert (stops.end_over(), stops.end_over()) == (1, 0)
    made.refresh_from_db()
    assert (made.ended_at, made.ended_by) == (made.ends_at, None)
    assert OutboxEvent.objects.filter(topic="switch.off").count() == 1


def test_the_database_refuses_an_end_beyond_seven_days_and_a_longer_one_afterwards(demo):
    now = timezone.now()
    long = {"name": "read_only", "reason": "For long.", "by": demo.pia, "began_at": now}
    with pytest.raises(DatabaseError, match="switch_has_a_near_end"), context(by=demo.pia):
        Switch.objects.create(**long, ends_at=now + timedelta(days=7, minutes=1))
    made = on(demo)
    with pytest.raises(DatabaseError), context(by=demo.pia), connection.cursor() as cursor:
        cursor.execute("UPDATE policies_switch SET ends_at = ends_at + interval '1 hour'")
    made.refresh_from_db()
    assert made.ends_at < now + 2 * SOON


@pytest.mark.parametrize("hours", [-1, 0, 1 / 120, 24 * 7 + 1])
def test_a_switch_needs_an_end_after_a_minute_and_within_seven_days(demo, hours):
    end = timezone.now() + timedelta(hours=hours)
    refused = stops.switch_on(by=demo.pia, name="read_only", reason="Because.", ends_at=end)
    assert isinstance(refused, Denied)
    assert refused.rule == "switch.end"
    assert not Switch.objects.exists()


def test_only_platform_engineers_use_switches_and_each_once_at_a_time(demo):
    refused = stops.switch_on(by=demo.ines, name="read_only", reason="Because.", ends_at=timezone.now() + SOON)
    assert isinstance(refused, Denied)
    assert refused.rule == "role.use_switches"
    on(demo)
    assert stops.switch_off(by=demo.ines, name="provisioning") == refused
    assert tries(demo.ines) == [("switch:read_only", refused.rule), ("switch:provisioning", refused.rule)]
    again = stops.switch_on(by=demo.pia, name="provisioning", reason="Again.", ends_at=timezone.now() + SOON)
    assert isinstance(again, Denied)
    assert again.rule == "switch.once"
    refused = stops.switch_off(by=demo.ines, name="provisioning")
    assert isinstance(refused, Denied)
    assert (refused.rule, stops.is_on("provisioning")) == ("role.use_switches", True)


@pytest.mark.parametrize("reason", ["", " ", "x" * 201, "a\x00b"])
def test_nothing_is_stopped_lifted_or_switched_without_words_that_can_be_kept(demo, reason):
    made = stopped(demo)
    answers = [
        stops.stop(by=demo.pia, service=None, reason=reason),
        stops.lift(by=demo.pia, stop=made, reason=reason),
        stops.switch_on(by=demo.pia, name="read_only", reason=reason, ends_at=timezone.now() + SOON),
    ]
    assert [(type(a), getattr(a, "rule", ""), getattr(a, "status", 0)) for a in answers] == [
        (Denied, "stop.reason", 422)
    ] * 3
    assert (stops.open_stops().get(), Switch.objects.exists()) == (made, False)


def test_a_stop_of_everything_is_seen_by_everybody_and_one_of_a_service_by_its_team(demo):
    one, every = stopped(demo), stops.stop(by=demo.pia, service=None, reason="All of it.")
    seen = {who: set(stops.visible_to(getattr(demo, who))) for who in ("mara", "pia", "tomasz", "olaf")}
    assert seen == {"mara": {one, every}, "pia": {one, every}, "tomasz": {every}, "olaf": {every}}
