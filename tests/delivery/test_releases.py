"""Releases: registered once, never changed, moved only as the gates say, and back in one action."""

import pytest

from audit.context import context
from delivery.actions import deploy, promote, register_release, roll_back
from delivery.models import Release
from delivery.selectors import previous_release
from policies.results import Denied
from provisioning.actions.change import Ask, submit
from provisioning.actions.sign import approve
from provisioning.models import Environment, Operation
from tests import noop
from tests.hostile import everything, refused_once, sqlstate, together
from tests.provisioning.engine import drain
from tests.provisioning.test_states import environment_in

pytestmark = pytest.mark.django_db


def release(demo, version: str, **artifact) -> Release:
    found = register_release(by=demo.mara, service=demo.api, version=version, artifact=artifact or {"image": version})
    assert isinstance(found, Release), found
    return found


def environment(demo, tier: str, runs: Release | None = None) -> Environment:
    row = environment_in(demo, "ready", name=f"payments-api-{tier}", tier=tier)
    with context(by="system:test"):
        Environment.objects.filter(pk=row.pk).update(release=runs.as_spec() if runs else {})
    row.refresh_from_db()
    return row


def arrived(demo, row: Environment, what: Release, kind: str = "deploy") -> None:
    """As if the release had been moved here by the engine."""
    from django.utils import timezone

    with context(by="system:test"):
        Operation.objects.create(
            kind=kind,
            environment=row,
            team=row.team,
            tier=row.tier,
            requester=demo.mara,
            status="succeeded",
            arguments={"release": what.as_spec()},
            finished_at=timezone.now(),
        )
        Environment.objects.filter(pk=row.pk).update(release=what.as_spec())
    row.refresh_from_db()


def test_a_release_registered_twice_is_the_same_release(demo):
    first = release(demo, "1.0")
    before = everything()
    assert release(demo, "1.0") == first
    assert everything() == before


def test_a_version_with_another_artifact_is_refused(demo):
    release(demo, "1.0", image="web")
    act = {"service": demo.api, "version": "1.0", "artifact": {"image": "worker"}}
    denied = refused_once(lambda: register_release(by=demo.mara, **act))
    assert denied.rule == "release.immutable"
    assert denied.reason.startswith("1.0 is registered with another digest (")
    assert denied.fix == "A release never changes: give this one a new version."


@pytest.mark.parametrize("version", ["", "1 0", "-1", "1.0\n", "v/1", "1" * 41, "1\x00"])
def test_a_version_that_is_none_is_a_wrong_field(demo, version):
    before = everything()
    answer = register_release(by=demo.mara, service=demo.api, version=version, artifact={})
    assert (answer.rule, answer.status, everything() == before) == ("release.version", 422, True)


@pytest.mark.parametrize("digest", ["x", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "sha256:" + "a" * 64 + "\n"])
def test_a_digest_that_is_none_is_a_wrong_field(demo, digest):
    before = everything()
    answer = register_release(by=demo.mara, service=demo.api, version="1", artifact={}, digest=digest)
    assert (answer.rule, answer.status, everything() == before) == ("release.digest", 422, True)


@pytest.mark.parametrize("artifact", [{"image": "a\x00"}, {"image": "\ud800"}])
def test_an_artifact_that_cannot_be_kept_is_a_wrong_field(demo, artifact):
    before = everything()
    answer = register_release(by=demo.mara, service=demo.api, version="1", artifact=artifact)
    assert (answer.rule, answer.status, everything() == before) == ("request.text", 422, True)


@pytest.mark.parametrize("change", ["version = '9'", "digest = 'sha256:0'", "artifact = '{}'", "created_at = now()"])
def test_a_release_never_changes_by_raw_sql(demo, change):
    release(demo, "1.0")
    before = everything()
    assert sqlstate(f"UPDATE delivery_release SET {change}") == "42501"
    assert sqlstate("DELETE FROM delivery_release") == "42501"
    assert everything() == before


def test_deploying_above_test_is_by_promotion_only(demo):
    stage = environment(demo, "stage")
    found = release(demo, "1.0")
    denied = refused_once(lambda: deploy(by=demo.mara, environment=stage, release=found))
    assert (denied.rule, denied.reason) == ("release.promoted", "stage takes releases by promotion only.")


def test_deploying_what_runs_already_is_refused(demo):
    found = release(demo, "1.0")
    dev = environment(demo, "dev", found)
    denied = refused_once(lambda: deploy(by=demo.mara, environment=dev, release=found))
    assert (denied.rule, denied.reason) == ("release.differs", "payments-api-dev runs 1.0 already.")


def test_promoting_what_runs_nowhere_below_is_refused(demo):
    found = release(demo, "1.0")
    environment(demo, "dev", release(demo, "0.9"))
    prod = environment(demo, "prod")
    denied = refused_once(lambda: promote(by=demo.mara, environment=prod, release=found))
    assert denied.rule == "release.verified_below"
    assert denied.reason == "1.0 does not run in any tier below prod."
    assert denied.fix == "Deploy it to a lower tier of payments-api first."


def test_what_runs_in_an_environment_that_is_suspended_does_not_count_as_running(demo):
    found = release(demo, "1.0")
    dev, prod = environment(demo, "dev", found), environment(demo, "prod")
    with context(by="system:test"):
        Environment.objects.filter(pk=dev.pk).update(status="suspended")
    assert refused_once(lambda: promote(by=demo.mara, environment=prod, release=found)).rule == "release.verified_below"


def test_a_release_of_another_service_is_refused(demo):
    from policies.models import Service

    with context(by="system:test"):
        other = Service.objects.create(team=demo.payments, slug="other", name="Other")
    found = register_release(by=demo.mara, service=other, version="1.0", artifact={})
    dev = environment(demo, "dev")
    denied = refused_once(lambda: deploy(by=demo.mara, environment=dev, release=found))
    assert (denied.rule, denied.reason) == ("release.known", "This is no release of payments-api.")


@pytest.mark.parametrize(
    "arguments", [{}, {"release": None}, {"release": "x"}, {"release": {"release": "x"}}, {"release": {"release": 5}}]
)
def test_a_release_that_is_none_is_refused_and_never_an_error(demo, arguments):
    dev = environment(demo, "dev")
    assert refused_once(lambda: submit(by=demo.mara, ask=Ask(dev, "deploy", arguments))).rule == "release.known"


def test_what_is_deployed_is_the_registered_artifact_whatever_was_sent(demo):
    dev, found = environment(demo, "dev"), release(demo, "1.0", image="true")
    sent = {"release": {**found.as_spec(), "version": "9.9", "artifact": {"image": "forged"}}, "parameters": {"a": 1}}
    operation = submit(by=demo.mara, ask=Ask(dev, "deploy", sent))
    assert isinstance(operation, Operation)
    assert operation.arguments == {"release": found.as_spec()}


def test_rolling_back_goes_to_the_release_before_and_skips_the_same_one(demo):
    one, two = release(demo, "1"), release(demo, "2")
    dev = environment(demo, "dev")
    for found in (one, two, two):
        arrived(demo, dev, found)
    assert previous_release(dev) == one
    operation = roll_back(by=demo.mara, environment=dev)
    assert isinstance(operation, Operation)
    assert operation.arguments["release"]["version"] == "1"
    assert operation.overtakes is True


def test_rolling_back_to_what_never_ran_here_is_refused(demo):
    one, two = release(demo, "1"), release(demo, "2")
    dev = environment(demo, "dev")
    arrived(demo, dev, one)
    sent = {"release": two.as_spec()}
    denied = refused_once(lambda: submit(by=demo.mara, ask=Ask(dev, "rollback", sent)))
    assert (denied.rule, denied.reason) == ("release.ran_before", "2 never ran in payments-api-dev.")


def test_rolling_back_the_first_release_is_refused(demo):
    dev = environment(demo, "dev")
    arrived(demo, dev, release(demo, "1"))
    denied = refused_once(lambda: roll_back(by=demo.mara, environment=dev))
    assert denied.reason == "No release ran in payments-api-dev before this one."


@pytest.mark.django_db(transaction=True)
def test_one_version_registered_at_once_with_two_artifacts_keeps_one(demo):
    answers = together(
        *[
            lambda n=n: register_release(by=demo.mara, service=demo.api, version="1", artifact={"n": n})
            for n in range(2)
        ]
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Denied", "Release"]


@pytest.mark.django_db(transaction=True)
def test_one_release_registered_twice_at_once_is_one(demo):
    act = {"service": demo.api, "version": "1", "artifact": {"n": 1}}
    answers = together(*[lambda: register_release(by=demo.mara, **act)] * 2)
    assert answers == [Release.objects.get()] * 2


@pytest.mark.django_db(transaction=True)
def test_a_promotion_to_prod_waits_for_two_signatures_then_runs_and_goes_back(demo):
    one, two = release(demo, "1"), release(demo, "2")
    environment(demo, "dev", two)
    prod = environment(demo, "prod")
    arrived(demo, prod, one, "promote")
    operation = promote(by=demo.mara, environment=prod, release=two)
    drain()
    operation.refresh_from_db()
    assert (operation.status, operation.signatures_needed, operation.owning_needed) == ("awaiting_approval", 2, 1)
    for signer in (demo.jonas, demo.tomasz):
        assert approve(by=signer, operation=operation, digest=operation.change_digest)
    drain()
    prod.refresh_from_db()
    assert prod.release == two.as_spec()
    assert noop.WORLD[str(prod.pk)]["thing"]["release"] == "2"
    assert not isinstance(roll_back(by=demo.mara, environment=prod), Denied)
    drain()
    prod.refresh_from_db()
    assert prod.release == one.as_spec()
