"""The judges of the chaos test see what they are there to see: each is shown a history or a world that is wrong."""

import json

import pytest

from audit.context import context
from provisioning.models import Environment, Operation, Orphan
from tests import people
from tests.chaos import history
from tests.chaos.compared import Comparison
from tests.chaos.watch import WITHIN_S, Open, Watch
from tests.people import make_version
from tests.provisioning.engine import drain, ready, requested

pytestmark = pytest.mark.django_db(transaction=True)


def judged(tmp_path, *accepted):
    return history.judge(set(accepted), tmp_path)


def written(tmp_path, *writes):
    place = tmp_path / "environment"
    place.mkdir()
    rows = [[str(operation), what, fence, state] for operation, what, fence, state in writes]
    (place / "a.json").write_text(json.dumps({"state": None, "fence": 0, "writes": rows}))


class Seeing:
    """Eyes that see what they are told."""

    def __init__(self, *found):
        self.found = dict(found)

    def look(self):
        return self.found


def counted(demo, status="ready"):
    """An environment of the counting driver as recorded, and its three files as they should be."""
    with context(by="system:test"):
        version = make_version(driver="counted", digest="sha256:" + "c" * 64, number="9.0.0")
    made = people.environment(demo, "seen", driver="counted", template_version=version, status=status)
    state = {"running": True, "parameters": {}, "release": ""}
    return made, [((made.pk.hex[:8], f"file {address}"), state) for address in "abc"]


def differences(*found):
    comparison = Comparison(Seeing(*found))
    assert comparison.look()
    return sorted(key[0::2] for key in comparison.since)


def test_a_world_as_recorded_has_no_difference(demo):
    assert differences(*counted(demo)[1]) == []


def test_what_is_missing_or_otherwise_than_recorded_is_a_difference(demo):
    _, (one, two, _) = counted(demo)
    assert differences(one, (two[0], {"running": False})) == [("differs", "file b"), ("differs", "file c")]


def test_what_an_environment_under_change_has_is_not_compared(demo):
    assert differences(*counted(demo, status="changing")[1][:1]) == []


def test_what_belongs_to_nothing_that_lives_is_an_orphan_unless_listed(demo):
    made, files = counted(demo, status="destroyed")
    stranger = (("0badcafe", "database"), "open")
    assert differences(files[0], stranger) == [("orphan", "database"), ("orphan", "file a")]
    with context(by="system:test"):
        create = Operation.objects.create(kind="create", environment=made, team=made.team, tier="dev")
        Orphan.objects.create(environment=made, operation=create, team=made.team, driver="counted", address="a")
    assert differences(files[0]) == []


def test_a_difference_is_overdue_only_when_it_stays(demo, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("tests.chaos.compared.time.monotonic", lambda: clock[0])
    comparison = Comparison(Seeing())
    counted(demo)
    comparison.look()
    clock[0] = 61.0
    comparison.look()
    assert len(comparison.overdue(60)) == 3
    comparison.eyes.found = dict(counted_files())
    comparison.look()
    assert (comparison.overdue(0), comparison.longest_s) == ([], 61.0)


def counted_files():
    environment = Environment.objects.get(name="seen")
    state = {"running": True, "parameters": {}, "release": ""}
    return [((environment.pk.hex[:8], f"file {address}"), state) for address in "abc"]


def test_a_true_history_is_accepted(demo, tmp_path):
    ready(demo)
    requested(demo, name="payments-api-two")
    found = judged(tmp_path, *(str(pk) for pk in Operation.objects.values_list("pk", flat=True)))
    assert (found.lost, found.doubled) == ([], [])


def test_an_accepted_operation_that_is_not_there_is_lost(tmp_path):
    assert judged(tmp_path, "op").lost == ["accepted, but not there: op"]


def test_a_status_without_history_is_lost(demo, tmp_path, monkeypatch):
    ready(demo)
    lives = history._lives()
    for life in lives.values():
        life.statuses.pop(-2)
    monkeypatch.setattr(history, "_lives", lambda: lives)
    assert any("was followed by" in sentence for sentence in judged(tmp_path).lost)


def test_an_end_that_was_told_twice_is_doubled(demo, tmp_path, monkeypatch):
    ready(demo)
    lives = history._lives()
    for life in lives.values():
        life.told.append("succeeded")
    monkeypatch.setattr(history, "_lives", lambda: lives)
    assert ["told so 2 times" in sentence for sentence in judged(tmp_path).doubled] == [True]


def test_a_write_done_twice_and_a_late_one_are_doubled(demo, tmp_path):
    operation = requested(demo)
    state = {"running": True}
    written(tmp_path, (operation.pk, "apply", 5, state), (operation.pk, "apply", 4, state))
    assert [sentence.split(": ")[1] for sentence in judged(tmp_path).doubled] == [
        f"a late write of {operation.pk}",
        f"{operation.pk} did apply twice",
    ]


def test_an_undone_write_may_be_done_again(demo, tmp_path):
    operation = requested(demo)
    on, off = {"running": True}, {"running": False}
    written(tmp_path, (operation.pk, "apply", 1, on), (operation.pk, "undo", 2, off), (operation.pk, "apply", 3, on))
    assert judged(tmp_path).doubled == []


def test_an_operation_that_shows_no_sign_of_life_for_a_minute_is_stuck(demo, monkeypatch):
    requested(demo)
    watch, clock = Watch(), [0.0]
    monkeypatch.setattr("tests.chaos.watch.time.monotonic", lambda: clock[0])
    assert watch.look(whole=True) == 1
    clock[0] = WITHIN_S + 1
    watch.look(whole=True)
    assert len(watch.stuck) == 1


def test_a_fault_is_overcome_when_everything_it_met_has_gone_on(demo, monkeypatch):
    requested(demo)
    watch, clock = Watch(), [0.0]
    monkeypatch.setattr("tests.chaos.watch.time.monotonic", lambda: clock[0])
    watch.strike("kill_worker", 1.0)
    for clock[0], whole in ((0.5, False), (2.0, False), (3.0, True), (4.0, True)):
        watch.look(whole=whole)
    assert len(watch.struck) == 1
    drain()
    clock[0] = 5.0
    watch.look(whole=True)
    assert (watch.struck, watch.longest_s, watch.stuck) == ([], 5.0, set())


def test_two_active_operations_of_one_environment_are_seen(monkeypatch):
    rows = [Open(pk, "environment", "update", "running", (), False, "") for pk in ("one", "two")]
    monkeypatch.setattr("tests.chaos.watch._open", lambda: rows)
    watch = Watch()
    watch.look(whole=True)
    assert watch.doubled == {"two active on environment"}
