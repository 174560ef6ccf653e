"""Who may ask, decide and end waivers; what the database refuses; what the clock does."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from audit.context import context
from audit.models import AuditEvent, OutboxEvent
from policies import waivers, waiving
from policies.models import Decision, Waiver
from policies.results import Denied
from tests.hostile import refused_once
from tests.policies.waived import NOW, SOFT, asked, granted, wanted

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def _denied(answer):
    assert isinstance(answer, Denied), answer
    return answer.rule, answer.field, answer.status


def _request(who, letter="a"):
    return f"request:{who.pk}:payments:{letter * 64}"


def test_a_waiver_is_asked_for_with_owner_reason_ticket_and_expiry(demo):
    waiver = asked(demo, ticket="PAY-1841", field="environment.ttl_hours", value="1920")
    assert (waiver.state, waiver.owner, waiver.asked_by, waiver.team) == ("asked", demo.mara, demo.mara, demo.payments)
    assert (waiver.ticket, waiver.expires_at) == ("PAY-1841", NOW + 30 * DAY)
    assert OutboxEvent.objects.get(topic="waiver.asked").object == waiver.audit_ref
    assert AuditEvent.objects.filter(event="waiver.asked", object=waiver.audit_ref).count() == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rule": "no.rule"}, ("waiver.rule", "rule", 422)),
        ({"rule": "env.name_label"}, ("waiver.rule", "rule", 422)),
        ({"rule": "env.ttl_long"}, ("waiver.rule", "rule", 422)),
        ({"rule": "policy.engine"}, ("waiver.rule", "rule", 422)),
        ({"scope": "tier:prod"}, ("waiver.rule", "rule", 422)),
        ({"scope": "service:"}, ("waiver.scope", "scope", 422)),
        ({"scope": "service:nothing"}, ("waiver.scope", "scope", 422)),
        ({"scope": "team:reliability"}, ("waiver.scope", "scope", 422)),
        ({"reason": "  "}, ("waiver.reason", "reason", 422)),
        ({"reason": "a\0b"}, ("waiver.text", "reason", 422)),
        ({"days": 0}, ("waiver.days", "days", 422)),
        ({"days": 181}, ("waiver.days", "days", 422)),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_refused_and_nothing_is_written(demo, changes, expected):
    assert _denied(waiving.ask(by=demo.mara, wanted=wanted(demo, **changes), now=NOW)) == expected
    assert not Waiver.objects.exists()


def test_the_owner_of_a_waiver_belongs_to_the_team(demo):
    answer = waiving.ask(by=demo.mara, wanted=wanted(demo, owner=demo.olaf), now=NOW)
    assert _denied(answer) == ("waiver.owner", "owner", 422)


@pytest.mark.parametrize("person", ["vera", "jonas", "tomasz", "ana", "pia", "olaf"])
def test_whoever_may_not_request_may_not_ask_and_the_refusal_is_recorded(demo, person):
    answer = waiving.ask(by=getattr(demo, person), wanted=wanted(demo), now=NOW)
    assert _denied(answer) == ("role.request", "requester", 403)
    assert Decision.objects.get().subject == "service:payments-api"


def test_one_living_waiver_for_each_rule_and_object(demo):
    asked(demo)
    assert _denied(waiving.ask(by=demo.ines, wanted=wanted(demo), now=NOW)) == ("waiver.once", "scope", 409)
    assert isinstance(waiving.ask(by=demo.ines, wanted=wanted(demo), now=NOW + 31 * DAY), Waiver)


@pytest.mark.parametrize("person", ["vera", "jonas", "ines", "tomasz", "ana", "olaf"])
def test_only_the_rules_owner_grants_a_waiver(demo, person):
    waiver = asked(demo)
    act = partial(waiving.grant, by=getattr(demo, person), waiver=waiver, reason="Yes.", now=NOW)
    assert refused_once(act).status == 403
    waiver.refresh_from_db()
    assert (waiver.state, waiver.decided_by) == ("asked", None)


def test_who_asks_never_grants_even_as_the_rules_owner(demo):
    with context(by="system:test"):
        demo.payments.memberships.create(user=demo.pia, role="developer")
    waiver = asked(demo, by="pia", owner=demo.pia)
    answer = waiving.grant(by=demo.pia, waiver=waiver, reason="Yes.", now=NOW)
    assert _denied(answer) == ("waiver.not_asker", "decided_by", 403)


def test_a_rule_of_the_teams_owners_is_waived_by_one_of_them(demo):
    waiver = asked(demo, rule=SOFT)
    assert waivers.deciders(waiver) == "Ines"
    assert _denied(waiving.grant(by=demo.pia, waiver=waiver, reason="Yes.", now=NOW))[2] == 403
    assert waiving.grant(by=demo.ines, waiver=waiver, reason="Yes.", now=NOW).state == "granted"


def test_row79_an_override_is_given_by_who_may_override_and_never_by_the_requester(demo):
    waiver = asked(demo, by="ines", rule=SOFT, scope=_request(demo.ines), owner=demo.ines, days=7)
    assert _denied(waiving.grant(by=demo.ines, waiver=waiver, reason="Yes.", now=NOW))[0] == "waiver.not_asker"
    assert _denied(waiving.grant(by=demo.jonas, waiver=waiver, reason="Yes.", now=NOW))[0] == "role.override_policy"
    mine = asked(demo, rule=SOFT, scope=_request(demo.mara, "b"), days=7)
    assert waiving.grant(by=demo.ines, waiver=mine, reason="Once.", now=NOW).state == "granted"


def test_nobody_asks_for_the_override_of_anothers_request_nor_of_a_hard_rule(demo):
    theirs = wanted(demo, rule=SOFT, scope=_request(demo.ines), days=7)
    assert _denied(waiving.ask(by=demo.mara, wanted=theirs, now=NOW))[0] == "waiver.requester"
    hard = wanted(demo, scope=_request(demo.mara), days=7)
    assert _denied(waiving.ask(by=demo.mara, wanted=hard, now=NOW))[0] == "waiver.rule"
    assert _denied(waiving.ask(by=demo.mara, wanted=wanted(demo, rule=SOFT, scope=_request(demo.mara)), now=NOW)) == (
        "waiver.days",
        "days",
        422,
    )


def test_a_decision_needs_a_reason_and_is_made_once(demo):
    waiver = asked(demo)
    assert refused_once(lambda: waiving.grant(by=demo.pia, waiver=waiver, reason=" ", now=NOW)).rule == "waiver.reason"
    made = waiving.grant(by=demo.pia, waiver=waiver, reason=" Yes. ", now=NOW)
    assert (made.decided_by, made.decided_at, made.decision_reason) == (demo.pia, NOW, "Yes.")
    assert _denied(waiving.refuse_waiver(by=demo.pia, waiver=waiver, reason="No.", now=NOW))[0] == "waiver.state"


def test_what_is_over_cannot_be_granted(demo):
    waiver = asked(demo)
    answer = waiving.grant(by=demo.pia, waiver=waiver, reason="Yes.", now=waiver.expires_at)
    assert _denied(answer) == ("waiver.state", "state", 409)


def test_others_cannot_withdraw_it(demo):
    waiver = granted(demo)
    assert _denied(waiving.withdraw(by=demo.jonas, waiver=waiver, reason="No.", now=NOW))[2] == 403
    assert waiving.withdraw(by=demo.mara, waiver=waiver, reason="Done.", now=NOW).state == "ended"


def test_its_owner_ends_what_another_asked_for(demo):
    waiver = granted(demo, owner=demo.vera)
    ended = waiving.withdraw(by=demo.vera, waiver=waiver, reason="Done.", now=NOW)
    assert (ended.state, ended.end_reason, ended.asked_by) == ("ended", "Done.", demo.mara)


# What the database itself refuses, as the app's role.


def _refused_by_database(**changes):
    with pytest.raises(DatabaseError), transaction.atomic(), context(by="system:test"):
        Waiver.objects.update(**changes)


def _raw(demo, **changes):
    usual = {"rule": "env.owner", "scope": "team:payments", "label": "Payments", "team": demo.payments}
    people = {"owner": demo.mara, "asked_by": demo.mara, "reason": "r", "asked_at": NOW, "expires_at": NOW + DAY}
    return Waiver.objects.create(**{**usual, **people, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": NOW + 181 * DAY},
        {"expires_at": NOW},
        {"reason": ""},
        {"scope": "everything"},
        {"scope": "request:0:payments:" + "a" * 64},
        {"state": "granted"},
        {"operation": "operation:1"},
    ],
    ids=str,
)
def test_the_database_takes_no_row_that_must_not_be(demo, changes):
    with pytest.raises(DatabaseError), transaction.atomic(), context(by="system:test"):
        _raw(demo, **changes)


def test_the_database_refuses_a_second_living_one_and_a_decision_by_who_asked(demo):
    asked(demo, scope="team:payments", rule="env.owner")
    with pytest.raises(IntegrityError, match="waiver_lives_once"), transaction.atomic(), context(by="system:test"):
        _raw(demo)
    decided = {"state": "granted", "decided_at": NOW, "decision_reason": "r"}
    with pytest.raises(IntegrityError, match="waiver_decided_by_another"), transaction.atomic(), context(by="x:y"):
        Waiver.objects.update(**decided, decided_by=demo.mara)


def test_a_granted_waiver_can_only_end(demo):
    waiver = granted(demo)
    for changes in (
        {"expires_at": waiver.expires_at + DAY},
        {"rule": "env.owner"},
        {"scope": "team:payments"},
        {"decided_by": demo.ines},
        {"state": "asked", "decided_by": None, "decided_at": None, "decision_reason": ""},
        {"state": "refused"},
        {"state": "ended", "ended_at": NOW, "expires_at": NOW + DAY},
    ):
        _refused_by_database(**changes)
    with pytest.raises(DatabaseError), transaction.atomic(), context(by="system:test"):
        Waiver.objects.all().delete()
    waiver.refresh_from_db()
    assert waiver.state == "granted"


def test_what_ended_stays_as_it_is(demo):
    waiving.withdraw(by=demo.mara, waiver=granted(demo), reason="Done.", now=NOW)
    _refused_by_database(state="granted", ended_at=None, end_reason="")
    _refused_by_database(end_reason="Something else.")


# The clock.


def _clock(moment):
    with context(by="system:test"):
        return waiving.remind(now=moment), waiving.end_due(now=moment)


def test_reminders_come_7_days_and_1_day_before_the_end_once_each(demo):
    end = granted(demo).expires_at
    told = [_clock(end - before) for before in (8 * DAY, 7 * DAY, 2 * DAY, DAY, timedelta(seconds=1))]
    assert told == [(0, 0), (1, 0), (0, 0), (1, 0), (0, 0)]
    assert OutboxEvent.objects.filter(topic="waiver.expiring").count() == 2


def test_a_waiver_shorter_than_a_day_is_told_of_once(demo):
    end = granted(demo, days=1).expires_at
    assert [_clock(end - timedelta(hours=hours)) for hours in (3, 2)] == [(1, 0), (0, 0)]


def test_nobody_is_reminded_of_an_override(demo):
    end = granted(demo, by="ines", rule=SOFT, scope=_request(demo.mara), days=7).expires_at
    assert [_clock(end - DAY), _clock(end)] == [(0, 0), (0, 1)]
    assert not OutboxEvent.objects.filter(topic="waiver.expiring").exists()


def test_the_clock_ends_what_is_over_and_says_so_once(demo):
    waiver = granted(demo)
    assert [_clock(waiver.expires_at), _clock(waiver.expires_at + DAY)] == [(0, 1), (0, 0)]
    waiver.refresh_from_db()
    assert (waiver.state, waiver.ended_at, waiver.end_reason) == ("ended", waiver.expires_at, "Its time is over.")
    assert list(waivers.unreviewed()) == [waiver]


def test_to_decide_puts_the_widest_first_and_leaves_out_ones_own(demo):
    narrow, wide = asked(demo), asked(demo, scope="team:payments", label="Payments", days=90)
    assert waivers.to_decide(demo.pia) == [wide, narrow]
    assert waivers.to_decide(demo.mara) == []
    assert waivers.to_decide(demo.ines) == []
