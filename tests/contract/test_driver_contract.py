"""What every driver keeps to. Each case runs for each harness whose driver claims the verb; see harness.py."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace

import pytest
from django.db import connections
from jsonschema import Draft202012Validator

from provisioning.drivers.base import DriverError, DriverRejected, DriverUnavailable, LeaseLost
from tests.contract.carrying import Guard, Run, digest, level, new_key, rebuilt, stored_form
from tests.contract.secrecy import forms
from tests.contract.situations import VERBS, elsewhere, ready_for, whole

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
each_verb = pytest.mark.parametrize("verb", VERBS)


# Plans


@each_verb
def test_a_plan_changes_nothing_and_comes_out_the_same_anywhere(environments, harness, verb):
    run = ready_for(environments("plan"), verb)
    observed, world = dict(run.driver.observe(run.spec)), harness.fingerprint(run.spec)
    with run.planned(verb) as plan:
        first = digest(run.spec, verb, plan)
    run.new_worker()
    with elsewhere():
        turned = dict(reversed(list(run.driver.observe(run.spec).items())))
        again = run.driver.plan(run.spec, turned, verb)
        run.driver.discard(again)
    assert (again.changes, digest(run.spec, verb, again)) == (plan.changes, first)
    assert harness.steady(run.driver.observe(run.spec)) == harness.steady(observed)
    assert harness.fingerprint(run.spec) == world


@each_verb
def test_a_plan_names_changes_that_can_be_stored_and_shown(environments, verb):
    run = ready_for(environments("shape"), verb)
    with run.planned(verb) as plan:
        document = json.loads(stored_form(plan), parse_float=_no_float)
        steps = run.steps(verb, plan)
    assert plan.changes
    assert rebuilt(stored_form(plan)).changes == plan.changes
    addresses = [change["address"] for change in document]
    assert len({*addresses}) == len(addresses)
    assert all(0 < len(address) <= 160 for address in addresses)
    assert all(re.fullmatch(r"[a-z][a-z-]{0,19}", change["action"]) for change in document)
    names = [step.name for step in steps]
    assert len({*names}) == len(names) > 0
    assert all(re.fullmatch(r"\S(.{0,38}\S)?", name) for name in names)
    assert all(0 < len(step.title) <= 80 for step in steps)
    assert all(step.limit_s > 0 for step in steps)


def _no_float(text):
    raise AssertionError(f"{text} in a plan: its digest depends on how a float is written")


def test_a_plan_holds_nothing_of_its_context(environments):
    run = environments("context", cost_centre="CC-1", expires_at="2026-12-01T00:00:00Z")
    run.carry_out("create")
    run.spec = replace(run.spec, cost_centre="CC-2", expires_at="2027-01-01T00:00:00Z")
    assert run.left("create") == ()


@each_verb
def test_what_a_plan_left_on_the_worker_goes_with_it(environments, harness, verb):
    run = ready_for(environments("discard"), verb)
    plan = run.plan(verb)
    run.steps(verb, plan)
    run.driver.discard(plan)
    assert harness.leftovers() == ()
    run.driver.discard(plan)
    run.driver.discard(rebuilt(stored_form(plan)))
    assert harness.leftovers() == ()


# Carrying out


@each_verb
def test_nothing_is_left_to_do_after_the_last_step(environments, verb):
    run = ready_for(environments("done"), verb)
    run.carry_out(verb)
    assert run.left(verb) == ()


@each_verb
def test_a_repeated_step_or_operation_doubles_nothing(environments, harness, verb):
    run, key = ready_for(environments("twice"), verb), new_key()
    with run.planned(verb) as plan:
        for step in run.steps(verb, plan):
            run.apply(step, key)
            run.apply(step, key)
        once = harness.fingerprint(run.spec)
        for step in run.steps(verb, rebuilt(stored_form(plan))):
            run.apply(step, key)
    run.carry_out(verb, key, repeat=True)
    assert harness.fingerprint(run.spec) == once
    assert run.left(verb) == ()


@each_verb
def test_observe_sees_what_was_made_and_what_is_gone(environments, verb):
    run = ready_for(environments("seen"), verb)
    before = run.driver.observe(run.spec)
    plan = run.carry_out(verb)
    seen = run.driver.observe(run.spec)
    for change in plan.changes:
        if change.action != "import":
            assert (change.address in before) is (change.before is not None)
        assert (change.address in seen) is (change.after is not None)
    assert all(address == resource.address for address, resource in seen.items())
    json.dumps([asdict(resource) for resource in seen.values()])


# Death and takeover


@each_verb
@pytest.mark.parametrize("effect", [False, True], ids=["recorded", "effect-before-record"])
def test_another_worker_completes_what_one_died_in(environments, harness, verb, effect):
    undisturbed = whole(harness, environments, verb)
    for recorded in harness.points(0, undisturbed.steps - effect):
        run = ready_for(environments("died"), verb)
        run.die_and_resume(verb, recorded=recorded, effect=effect)
        assert level(harness, run.spec) == undisturbed.level, f"died after {recorded} steps"
        assert run.left(verb) == ()


@each_verb
def test_another_worker_completes_what_one_died_in_between_two_writes(environments, harness, verb):
    undisturbed = whole(harness, environments, verb)
    assert undisturbed.calls > 0, "no write is guarded"
    for n in harness.points(1, undisturbed.calls):
        run = ready_for(environments("guarded"), verb)
        assert run.die_at_guard(verb, n)
        assert level(harness, run.spec) == undisturbed.level, f"died at call {n} of the guard"
        assert run.left(verb) == ()


@each_verb
def test_a_lost_lease_stops_it_before_the_next_write(environments, harness, verb):
    for n in harness.points(1, whole(harness, environments, verb).calls):
        run = ready_for(environments("lost"), verb)
        before, guard = harness.fingerprint(run.spec), Guard(harness, run.spec, n)
        with pytest.raises(LeaseLost):
            run.carry_out(verb, new_key(guard))
        stopped = harness.fingerprint(run.spec)
        harness.settle()
        assert harness.fingerprint(run.spec) == (stopped if harness.leashed else guard.seen), f"call {n} of the guard"
        assert n > 1 or guard.seen == before


@pytest.mark.worlds("conditional")
@each_verb
def test_the_target_refuses_a_worker_that_was_asleep(environments, harness, verb):
    for n in harness.points(1, whole(harness, environments, verb).calls):
        run = ready_for(environments("asleep"), verb)
        guard = Guard(harness, run.spec, n, then=lambda run=run: _overtake(run, verb))
        with suppress(DriverError):
            run.carry_out(verb, new_key(guard))
        assert run.harness.fingerprint(run.spec) == guard.seen, f"asleep at call {n} of the guard"


def _overtake(asleep, verb):
    """While one worker sleeps between its guard and its write, another completes it and destroys the environment."""
    other = Run(asleep.harness, asleep.spec)
    other.carry_out(verb)
    other.carry_out("destroy")


# Undoing


@each_verb
def test_undoing_a_step_returns_to_before_it(environments, harness, verb):
    run, key = ready_for(environments("undone"), verb), new_key()
    with run.planned(verb) as plan:
        for step in run.steps(verb, plan):
            before = harness.fingerprint(run.spec)
            run.apply(step, key)
            if step.undo is not None:
                run.undo(step, key)
                run.undo(step, key)
                assert harness.fingerprint(run.spec) == before, step.name
                run.apply(step, key)


def test_another_worker_undoes_a_creation_wherever_it_stopped(environments, harness):
    nothing, most = level(harness, environments("never").spec), whole(harness, environments, "create").steps
    for reached in sorted({*harness.points(0, most), most}):
        run = environments("stopped")
        with run.planned("create") as plan:
            stored, steps = stored_form(plan), run.steps("create", plan)
            for step in steps[:reached]:
                run.apply(step, new_key())
        run.new_worker()
        for step in reversed(run.steps("create", rebuilt(stored))):
            run.undo(step, new_key())
        assert level(harness, run.spec) == nothing, f"after {reached} steps"
        assert dict(run.driver.observe(run.spec)) == {}


# Each verb


@pytest.mark.claims("update")
def test_an_update_changes_exactly_what_is_named(environments, harness):
    run = environments("update")
    run.carry_out("create")
    before, seen = harness.fingerprint(run.spec), run.driver.observe(run.spec)
    former, (run.spec, named) = run.spec, harness.changed(run.spec)
    plan = run.carry_out("update")
    now = run.driver.observe(run.spec)
    assert {change.address for change in plan.changes} == named
    assert {address for address in {*seen, *now} if seen.get(address) != now.get(address)} <= named
    assert harness.fingerprint(run.spec) != before
    run.spec = former
    run.carry_out("update")
    assert harness.fingerprint(run.spec) == before


@pytest.mark.claims("suspend", "resume")
def test_resume_restores_exactly_what_suspend_took(environments, harness):
    run = environments("sleep")
    run.carry_out("create")
    awake = harness.fingerprint(run.spec)
    run.carry_out("suspend")
    asleep = harness.fingerprint(run.spec)
    assert asleep != awake
    run.carry_out("suspend")
    assert harness.fingerprint(run.spec) == asleep
    run.carry_out("resume")
    assert harness.fingerprint(run.spec) == awake


@pytest.mark.claims("suspend")
def test_what_is_suspended_can_be_destroyed(environments, harness):
    run = environments("sleeper")
    nothing = harness.fingerprint(run.spec)
    run.carry_out("create")
    run.carry_out("suspend")
    run.carry_out("destroy")
    assert (dict(run.driver.observe(run.spec)), harness.fingerprint(run.spec)) == ({}, nothing)


@pytest.mark.claims("deploy")
def test_the_former_release_deployed_again_is_as_it_was(environments, harness):
    run = environments("deploy", release=harness.release(1))
    run.carry_out("create")
    first = harness.fingerprint(run.spec)
    run.spec = replace(run.spec, release=harness.release(2))
    run.carry_out("deploy")
    assert harness.fingerprint(run.spec) != first
    run.spec = replace(run.spec, release=harness.release(1))
    run.carry_out("deploy")
    assert harness.fingerprint(run.spec) == first


def test_destroy_removes_everything_and_tolerates_absence(environments, harness):
    run = environments("destroy")
    nothing = harness.fingerprint(run.spec)
    run.carry_out("destroy")
    run.carry_out("create")
    assert harness.fingerprint(run.spec) != nothing
    for _ in range(2):
        run.carry_out("destroy", repeat=True)
        assert (dict(run.driver.observe(run.spec)), harness.fingerprint(run.spec)) == ({}, nothing)


def test_a_neighbour_is_not_touched(environments, harness):
    run, neighbour = environments("mine"), environments("neighbour")
    neighbour.carry_out("create")
    before = harness.fingerprint(neighbour.spec)
    run.carry_out("create")
    run.carry_out("destroy")
    assert harness.fingerprint(neighbour.spec) == before


def test_what_a_stranger_changed_is_seen(environments, harness):
    run = environments("stranger")
    run.carry_out("create")
    before = dict(run.driver.observe(run.spec))
    harness.vandalise(run.spec)
    assert dict(run.driver.observe(run.spec)) != before


@pytest.mark.claims("reconcile")
def test_reconcile_repairs_what_a_stranger_changed(environments, harness):
    run = environments("drift")
    run.carry_out("create")
    before = harness.fingerprint(run.spec)
    assert run.left("reconcile") == ()
    harness.vandalise(run.spec)
    assert run.left("reconcile") != ()
    run.carry_out("reconcile")
    assert harness.fingerprint(run.spec) == before


@pytest.mark.claims("suspend", "reconcile")
def test_reconcile_leaves_what_is_suspended_asleep(environments, harness):
    run = environments("asleep")
    run.carry_out("create")
    run.carry_out("suspend")
    before = harness.fingerprint(run.spec)
    run.carry_out("reconcile", repeat=True)
    assert harness.fingerprint(run.spec) == before


@pytest.mark.claims("adopt")
def test_adopting_touches_nothing(environments, harness):
    run = ready_for(environments("adopt"), "adopt")
    imports, before = run.spec.imports, harness.fingerprint(run.spec)
    plan = run.carry_out("adopt")
    adopted = {change.address for change in plan.changes if change.action == "import"}
    assert adopted == {change.address for change in plan.changes} == {*imports}
    assert harness.fingerprint(run.spec) == before
    assert adopted <= {*run.driver.observe(run.spec)}


# Errors


def test_a_target_that_is_away_is_said_to_be(environments, harness):
    run = environments("away")
    with run.planned("create") as plan:
        stored = stored_form(plan)
    nothing = harness.fingerprint(run.spec)
    harness.break_target()
    run.new_worker()
    with pytest.raises(DriverUnavailable):
        run.driver.observe(run.spec)
    step = run.steps("create", rebuilt(stored))[0]
    with pytest.raises(DriverUnavailable) as caught:
        run.apply(step, new_key())
    harness.mend()
    assert 0 < len(str(caught.value)) <= 600
    assert harness.fingerprint(run.spec) == nothing
    run.new_worker()
    run.carry_out("create")
    assert run.left("create") == ()


def test_a_target_that_goes_away_meanwhile_is_only_late(environments, harness):
    whole, run = environments("early"), environments("late")
    whole.carry_out("create")
    with run.planned("create") as plan:
        stored = stored_form(plan)
        run.apply(run.steps("create", plan)[0], new_key())
    harness.break_target()
    run.new_worker()
    with pytest.raises(DriverUnavailable):
        run.resume("create", stored, 1)
    harness.mend()
    run.resume("create", stored, 1)
    assert level(harness, run.spec) == level(harness, whole.spec)


def test_what_cannot_be_is_refused_for_good(environments, harness):
    run = environments("bad")
    run.spec = harness.bad_spec(run.spec.name)
    nothing = harness.fingerprint(run.spec)
    with pytest.raises(DriverRejected) as caught:
        run.carry_out("create")
    said = str(caught.value)
    assert 0 < len(said) <= 600
    assert "\n" not in said
    assert not _told(said, harness.canaries(run.spec))
    harness.mend()
    run.carry_out("destroy")
    assert harness.fingerprint(run.spec) == nothing


@each_verb
@pytest.mark.unclaimed
def test_a_verb_that_is_not_claimed_is_refused(environments, harness, verb):
    run = environments("unclaimed")
    run.carry_out("create")
    before = harness.fingerprint(run.spec)
    with pytest.raises(DriverRejected):
        run.plan(verb)
    assert harness.fingerprint(run.spec) == before


def test_an_unknown_verb_is_refused(environments):
    with pytest.raises(DriverRejected):
        environments("unknown").plan("no-such-verb")


# What it says


def test_no_secret_is_in_anything_it_says(environments, harness, caplog, capfd):
    run, said = environments("secret"), []
    for verb in ("create", "update", "suspend", "resume", "deploy", "reconcile", "destroy"):
        if verb not in harness.capabilities:
            continue
        if verb == "update":
            run.spec, _ = harness.changed(run.spec)
        plan = run.carry_out(verb)
        canaries = harness.canaries(run.spec)
        said += [stored_form(plan), repr(plan), repr(run.driver.observe(run.spec)), repr(run.driver)]
        said += [repr(dict(run.driver.secrets(run.spec))), repr(run.driver.health(run.spec))]
        said += [repr(dict(run.driver.outputs(run.spec)))] if verb != "destroy" else []
        said += [*run.lines, json.dumps([dict(result) for result in run.results]), caplog.text, *capfd.readouterr()]
        assert not _told("\n".join(said), canaries), verb


def _told(text, canaries):
    """The canaries that stand in a text in any usual form."""
    return [number for number, value in enumerate(canaries) if any(form in text for form in forms(value))]


def test_outputs_and_secrets_are_addresses_and_versions(environments):
    run = environments("outputs")
    run.carry_out("create")
    outputs, secrets = dict(run.driver.outputs(run.spec)), dict(run.driver.secrets(run.spec))
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in outputs.items())
    assert all(isinstance(name, str) and type(version) is int and version > 0 for name, version in secrets.items())


def test_its_health_can_be_asked_at_any_time(environments):
    run = environments("health")
    for verb in ("create", "destroy"):
        _is_well_formed(run.driver.health(run.spec))
        run.carry_out(verb)
        _is_well_formed(run.driver.health(run.spec))


def _is_well_formed(health):
    assert health.status in {"healthy", "progressing", "degraded", "mixed", "unknown"}
    assert isinstance(health.reason, str)
    assert all(isinstance(release, str) for release in health.releases)
    assert health.status in {"healthy", "unknown"} or health.reason


def test_it_says_what_it_is(harness):
    driver = harness.make_driver()
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,19}", driver.name)
    assert isinstance(driver.capabilities, frozenset)
    assert {"create", "destroy"} <= driver.capabilities
    assert all(re.fullmatch(r"[a-z][a-z-]*", capability) for capability in driver.capabilities)
    Draft202012Validator.check_schema(dict(driver.template_schema))


def test_its_template_schema_takes_what_it_is_given(harness, environments):
    run = environments("schema")
    validator = Draft202012Validator(dict(run.driver.template_schema))
    assert [error.message for error in validator.iter_errors(json.loads(json.dumps(dict(run.spec.resources))))] == []
    assert run.driver.problems(run.spec.resources) == ()


def test_its_target_can_be_checked(environments, harness):
    run = environments("check")
    if run.spec.target is None:
        return
    assert 0 < len(run.driver.check(run.spec.target)) <= 300
    harness.break_target()
    with pytest.raises(DriverUnavailable):
        harness.make_driver().check(run.spec.target)


# At once


def test_two_environments_are_made_at_once(environments, harness):
    runs = [environments("thread"), environments("thread")]
    runs[1].driver = runs[0].driver
    alone = environments("alone")
    alone.carry_out("create")
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(_make, runs):
            pass
    assert [level(harness, run.spec) for run in runs] == [level(harness, alone.spec)] * 2


def _make(run):
    try:
        return run.carry_out("create")
    finally:
        connections.close_all()
