"""Asking for changes through the API: answers, repeats, refusals that change nothing."""

import pytest

from delivery.models import Release
from policies.models import Decision
from provisioning.models import Environment, Operation
from tests.portal.api import made
from tests.portal.api.conftest import refusal

pytestmark = pytest.mark.django_db
ASKED = {
    "kind": "create",
    "service": "payments-api",
    "template": "web-service",
    "name": "payments-api-dev",
    "tier": "dev",
    "parameters": {"size": "M"},
}


def test_f_create_answers_201_with_its_location_and_200_when_repeated(call, demo):
    mara = call("mara")
    first = mara.post("/operations/", ASKED, **{"Idempotency-Key": "k-1"})
    again = mara.post("/operations/", ASKED, **{"Idempotency-Key": "k-1"})
    assert (first.status_code, again.status_code) == (201, 200), first.content
    assert first["Location"] == f"/api/v1/operations/{first.json()['id']}/"
    assert again.json()["id"] == first.json()["id"]
    assert Operation.objects.count() == Environment.objects.count() == 1
    assert Environment.objects.get().parameters == {"size": "M", "greeting": "hello"}


def test_a_key_used_for_something_else_is_refused_and_changes_nothing(call, demo):
    mara = call("mara")
    mara.post("/operations/", ASKED, **{"Idempotency-Key": "k-1"})
    other = mara.post("/operations/", {**ASKED, "name": "payments-api-two"}, **{"Idempotency-Key": "k-1"})
    assert refusal(other) == (409, "request.key_reused", "Idempotency-Key")
    assert Environment.objects.count() == 1


def test_a_viewer_may_not_ask_and_the_refusal_is_recorded_once(call, demo):
    assert refusal(call("vera").post("/operations/", ASKED)) == (403, "role.request", "requester")
    assert Environment.objects.count() == Operation.objects.count() == 0
    assert Decision.objects.filter(allowed=False).count() == 1


def test_a_service_of_another_team_looks_like_none(call, demo):
    assert refusal(call("tomasz").post("/operations/", ASKED)) == (422, "request.known", "service")
    assert Decision.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "rule", "field"),
    [
        ({"kind": "explode"}, "request.invalid_choice", "kind"),
        ({"tier": "moon"}, "request.invalid_choice", "tier"),
        ({"name": ""}, "request.blank", "name"),
        ({"name": None}, "request.null", "name"),
        ({"parameters": {"size": "XXL"}}, "parameter.enum", "parameters.size"),
        ({"parameters": {"colour": "red"}}, "parameter.unknown", "parameters.colour"),
        ({"name": 7}, "request.invalid", "name"),
        ({"name": "2fast"}, "env.name_label", "environment.name"),
        ({"name": "Payments"}, "env.name_label", "environment.name"),
        ({"ttl_hours": "7"}, "request.invalid", "ttl_hours"),
        ({"ttl_hours": 0}, "request.min_value", "ttl_hours"),
        ({"template": "nothing"}, "request.known", "template"),
        ({"template_version": "9.9.9"}, "request.known", "template_version"),
        ({"surprise": 1}, "request.unknown", "surprise"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_made(call, demo, change, rule, field):
    assert refusal(call("mara").post("/operations/", {**ASKED, **change})) == (422, rule, field)
    assert Environment.objects.count() == Operation.objects.count() == 0


def test_each_kind_says_which_fields_it_needs(call, demo):
    mara = call("mara")
    assert refusal(mara.post("/operations/", {"kind": "create"})) == (422, "request.required", "service")
    assert refusal(mara.post("/operations/", {"kind": "suspend"})) == (422, "request.required", "environment")
    assert refusal(mara.post("/operations/", {"kind": "deploy"})) == (422, "request.required", "environment")


def test_suspend_deploy_and_destroy_are_operations_too(call, demo):
    where, release, mara = made.environment(demo), made.release(demo), call("mara")
    for body in ({"kind": "suspend"}, {"kind": "deploy", "release": str(release.pk)}, {"kind": "destroy"}):
        answer = mara.post("/operations/", {**body, "environment": str(where.pk)})
        assert (answer.status_code, answer.json()["kind"]) == (201, body["kind"])
    assert Operation.objects.get(kind="deploy").arguments["release"]["version"] == "1.0.0"


def test_promoting_what_runs_nowhere_below_is_refused(call, demo):
    where, release = made.environment(demo, "payments-api-prod", tier="prod"), made.release(demo)
    body = {"kind": "promote", "environment": str(where.pk), "release": str(release.pk)}
    assert refusal(call("mara").post("/operations/", body)) == (409, "release.verified_below", "release")
    assert Operation.objects.count() == 0


def test_rolling_back_where_nothing_ran_before_is_refused(call, demo):
    where = made.environment(demo)
    body = {"kind": "rollback", "environment": str(where.pk)}
    assert refusal(call("mara").post("/operations/", body)) == (409, "release.ran_before", "environment")
    assert Operation.objects.count() == 0


def test_a_release_of_another_team_cannot_be_named(call, demo):
    assert Release.objects.count() == 0
    where = made.environment(demo)
    body = {"kind": "deploy", "environment": str(where.pk), "release": str(where.pk)}
    assert refusal(call("mara").post("/operations/", body)) == (422, "request.known", "release")


def test_the_preview_says_cost_quota_and_signers_and_writes_nothing(call, demo):
    body = {key: value for key, value in ASKED.items() if key != "kind"}
    shown = call("mara").post("/operations/preview/", {**body, "tier": "prod"}).json()
    assert shown["cost"]["running_per_hour"] == "0.05"
    assert shown["quota"] == [
        {"scope": "Payments", "metric": "environments", "currency": "", "used": 0, "limit": 20, "left": 20}
    ]
    assert shown["requirement"]["signatures"] == 2
    assert [person["username"] for person in shown["signers"]] == ["ines", "jonas", "tomasz"]
    assert Environment.objects.count() == Decision.objects.count() == 0


def test_the_list_is_narrowed_by_each_filter(call, demo):
    where, mara = made.environment(demo), call("mara")
    made.operation(demo, where)
    made.operation(demo, where, kind="resume", status="failed")
    for query, count in [
        ({}, 2),
        ({"status": "failed"}, 1),
        ({"kind": "suspend"}, 1),
        ({"environment": str(where.pk)}, 2),
        ({"team": "reliability"}, 0),
        ({"waiting": "me"}, 0),
    ]:
        assert len(mara.get("/operations/", query).json()["results"]) == count, query


def test_waiting_me_and_the_inbox_show_what_this_person_may_sign(call, demo):
    operation = made.awaiting(demo)
    for name, expected in [("jonas", 1), ("tomasz", 1), ("mara", 0), ("vera", 0), ("ana", 0)]:
        caller = call(name)
        for answer in (caller.get("/operations/", {"waiting": "me"}), caller.get("/inbox/")):
            assert [row["id"] for row in answer.json()["results"]] == [str(operation.pk)] * expected, name
