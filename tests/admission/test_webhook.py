"""The address that clusters call: by token only, in the API server's form, timed."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from audit.context import context
from policies.models import Decision
from provisioning import admission_hooks
from provisioning.models import AdmissionCall, AdmissionHook
from provisioning.redaction import KNOWN
from tests.admission.reviews import change, hooked, pod, review
from tests.portal.visitors import plain_static

pytestmark = pytest.mark.django_db
PRIVILEGED = {"securityContext": {"privileged": True}}


@pytest.fixture(autouse=True)
def _plain(settings):
    plain_static(settings)


def call(at, body, *, token=None, slug="eu-1", **headers):
    args = [slug, at.token if token is None else token]
    address = reverse("webhook_admission_by_address", args=args)
    return Client(enforce_csrf_checks=True).post(address, json.dumps(body), "application/json", headers=headers)


def test_a_cluster_with_its_token_in_the_address_is_answered(demo):
    at = hooked(demo)
    answer = call(at, review(pod(), at.namespace))
    assert answer.status_code == 200
    assert answer.json() == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "705ab4f5", "allowed": True},
    }


def test_the_token_may_come_as_a_bearers(demo):
    at = hooked(demo)
    address = reverse("webhook_admission", args=["eu-1"])
    body = json.dumps(review(pod(**PRIVILEGED), at.namespace))
    headers = {"Authorization": f"Bearer {at.token}"}
    answer = Client().post(address, body, "application/json", headers=headers).json()["response"]
    assert (answer["allowed"], answer["status"]["code"]) == (False, 403)
    assert answer["status"]["message"].startswith("Berth admission.privileged: ")


@pytest.mark.parametrize(("token", "slug"), [("wrong", "eu-1"), (None, "eu-2")])
def test_anybody_else_learns_nothing_and_nothing_is_kept(demo, token, slug):
    at = hooked(demo)
    answer = call(at, review(pod(**PRIVILEGED), at.namespace), token=token, slug=slug)
    assert answer.status_code == 401
    assert answer.json() == {"detail": "The token is not the one of this cluster's webhook."}
    assert not Decision.objects.exists()
    assert not AdmissionCall.objects.exists()


def test_a_retired_cluster_is_not_answered(demo):
    at = hooked(demo)
    change(at.target, retired_at=at.hook.made_at)
    assert call(at, review(pod(), at.namespace)).status_code == 401


def test_a_new_token_ends_the_old_one_and_only_its_hash_is_kept(demo):
    at = hooked(demo)
    _hook, token = admission_hooks.make(by="system:test", target=at.target, fails_open=False, timeout_seconds=3)
    assert call(at, review(pod(), at.namespace)).status_code == 401
    assert call(at, review(pod(), at.namespace), token=token).status_code == 200
    assert token not in AdmissionHook.objects.get().token_hash


def test_what_is_no_review_is_refused_by_status(demo):
    at = hooked(demo)
    assert call(at, {"hello": 1}).status_code == 400
    address = reverse("webhook_admission_by_address", args=["eu-1", at.token])
    assert Client().post(address, "{", "application/json").json() == {"detail": "The body is not JSON."}
    assert Client().get(address).status_code == 405


def test_a_slash_at_the_end_is_optional_because_api_servers_cut_it_off(demo):
    at = hooked(demo)
    body = json.dumps(review(pod(), at.namespace))
    bare = f"/webhooks/admission/eu-1/{at.token}"
    answers = [Client().post(place, body, "application/json").status_code for place in (bare, f"{bare}/")]
    assert answers == [200, 200]


def test_the_token_is_not_logged_when_a_call_goes_wrong(demo):
    at = hooked(demo)
    call(at, {"hello": 1})
    assert at.token not in KNOWN(f"Bad Request: /webhooks/admission/eu-1/{at.token}")


def test_the_latency_is_of_the_newest_calls(demo):
    at = hooked(demo)
    for micros in [1000] * 94 + [9000] * 6:
        admission_hooks.note(at.hook, micros=micros, allowed=micros == 1000)
    shown = admission_hooks.admission_latency(at.target)
    assert shown == admission_hooks.Latency(100, 6, 1.0, 9.0, False, 3)


def test_old_calls_are_let_go(demo):
    at = hooked(demo)
    for _ in range(admission_hooks.NEWEST + admission_hooks.PRUNE_EVERY):
        admission_hooks.note(at.hook, micros=1, allowed=True)
    assert AdmissionCall.objects.count() < admission_hooks.NEWEST + admission_hooks.PRUNE_EVERY


def test_a_call_counts_and_a_cluster_without_a_webhook_has_no_latency(demo):
    at = hooked(demo)
    call(at, review(pod(), at.namespace))
    shown = admission_hooks.admission_latency(at.target)
    assert (shown.calls, shown.refused) == (1, 0)
    assert shown.p95_ms > 0
    with context(by="system:test"):
        AdmissionHook.objects.all().delete()
    assert admission_hooks.admission_latency(at.target) is None
