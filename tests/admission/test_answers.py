"""What a cluster is told about one object, and what stays of it here."""

import uuid

import pytest
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from policies import engine, waiving
from policies.models import Decision
from provisioning import admission
from provisioning.admission_facts import MalformedReview, request_of
from tests.admission.reviews import change, deployment, hooked, labelled, pod, review
from tests.policies.waived import granted

pytestmark = pytest.mark.django_db
PRIVILEGED = {"securityContext": {"privileged": True}}
SAID = (
    "Berth admission.privileged: The container web is privileged: it could do on its node whatever root can. "
    "Leave out securityContext.privileged; name the capabilities that it needs instead. "
    "Who can help: The platform team."
)


def ask(at, thing, **request):
    return admission.answer(at.hook, request_of(review(thing, at.namespace, **request)))


def refusals():
    return AuditEvent.objects.filter(event="admission.refused")


def test_an_object_without_fault_is_admitted_with_a_decision_and_no_event(demo):
    at = hooked(demo)
    assert ask(at, pod()) == admission.Answer(True)
    kept = Decision.objects.get()
    assert (kept.point, kept.kind, kept.allowed) == ("admission", "admit", True)
    assert kept.subject == at.environment.ref
    assert not refusals().exists()


@pytest.mark.parametrize("thing", [pod(**PRIVILEGED), deployment(**PRIVILEGED)], ids=["pod", "deployment"])
def test_a_refusal_names_the_rule_the_fix_and_who_can_help_and_is_an_event(demo, thing):
    at = hooked(demo)
    assert ask(at, thing) == admission.Answer(False, SAID)
    event = refusals().get()
    assert event.object == at.environment.ref
    assert event.scope == f"team:{demo.payments.pk}"
    assert event.data["decision"] == Decision.objects.get(allowed=False).pk
    assert (event.data["target"], event.data["username"]) == ("eu-1", "kubectl-mara")


def waived(demo, at, **changes):
    label = {"scope": f"environment:{at.environment.pk}", "label": at.environment.name}
    return granted(demo, now=timezone.now(), rule="admission.privileged", **label | changes)


def test_a_waiver_counts_in_the_cluster_as_it_does_in_the_portal_and_is_said(demo):
    at = hooked(demo)
    waiver = waived(demo, at)
    assert ask(at, pod(**PRIVILEGED)) == admission.Answer(True, warnings=(SAID,))
    [finding] = Decision.objects.get().findings
    assert (finding["rule"], finding["severity"], finding["waiver"]) == ("admission.privileged", "waived", waiver.pk)
    assert not refusals().exists()
    with context(by="system:test"):
        waiving.end_due(now=waiver.expires_at)
    assert ask(at, pod(**PRIVILEGED)) == admission.Answer(False, SAID)


def test_a_waiver_of_another_environment_admits_nothing(demo):
    at = hooked(demo)
    waived(demo, at, scope=f"environment:{uuid.uuid4()}", label="another")
    assert not ask(at, pod(**PRIVILEGED)).allowed
    assert refusals().count() == 1


def test_an_image_from_elsewhere_is_refused_where_the_cluster_has_a_list(demo):
    at = hooked(demo, image_registries=["registry.example.test"])
    assert ask(at, pod())
    refused = ask(at, pod(image="elsewhere.test/web:1"))
    assert refused.message.startswith("Berth admission.image: The image elsewhere.test/web:1 of the container web")


@pytest.mark.parametrize(("tier", "allowed"), [("dev", True), ("stage", False), ("prod", False)])
def test_a_pod_needs_limits_where_it_matters(demo, tier, allowed):
    at = hooked(demo, tier=tier)
    answer = ask(at, pod(resources={}))
    assert answer.allowed is allowed
    assert ("admission.limits" in answer.message) is not allowed
    assert ask(at, deployment(resources={})).allowed


def test_what_stood_before_a_rule_is_not_judged_again(demo):
    at = hooked(demo)
    old, new = deployment(**PRIVILEGED), deployment(**PRIVILEGED)
    new["spec"]["replicas"] = 0
    assert ask(at, new, old=old) == admission.Answer(True)
    assert not ask(at, deployment(**PRIVILEGED, image="other:2"), old=old).allowed


def test_an_object_that_is_leaving_is_never_held_back(demo):
    thing = pod(**PRIVILEGED)
    thing["metadata"]["deletionTimestamp"] = "2026-11-23T09:00:00Z"
    assert ask(hooked(demo), thing, old=pod()) == admission.Answer(True)
    assert not Decision.objects.exists()


def test_the_environments_label_may_not_change(demo):
    at = hooked(demo)
    mine, other = labelled(pod(), at.environment.pk), labelled(pod(), uuid.uuid4())
    assert ask(at, mine, old=mine).allowed
    assert "admission.label" in ask(at, other, old=mine).message
    assert "admission.label" in ask(at, pod(), old=mine).message
    assert "admission.label" in ask(at, other).message


def test_a_namespace_is_known_by_the_label_it_had(demo):
    at = hooked(demo)
    bare = {"kind": "Namespace", "metadata": {"name": at.namespace}}
    assert "admission.label" in ask(at, bare, old=labelled(bare, at.environment.pk)).message


def test_an_adopted_namespace_is_known_by_the_environments_outputs(demo):
    at = hooked(demo)
    change(at.environment, outputs={"namespace": "legacy"})
    asked = request_of(review(pod(), "legacy"))
    assert admission.environment_of(at.target, asked) == at.environment


def test_a_namespace_that_nobody_knows_is_closed_or_open_as_the_cluster_chose(demo):
    at = hooked(demo)
    asked = request_of(review(pod(), f"stranger-{uuid.uuid4().hex[:8]}"))
    closed = admission.answer(at.hook, asked)
    at.hook.fails_open = True
    opened = admission.answer(at.hook, asked)
    assert (closed.allowed, opened.allowed) == (False, True)
    assert "none on eu-1 has it." in closed.message
    assert "none on eu-1 has it." in opened.warnings[0]


def test_an_environment_of_another_cluster_is_not_this_ones(demo):
    at = hooked(demo)
    change(at.environment, target=None)
    assert admission.environment_of(at.target, request_of(review(pod(), at.namespace))) is None


def test_when_policy_cannot_be_judged_the_clusters_choice_counts(demo, monkeypatch):
    at = hooked(demo)
    monkeypatch.setattr(engine, "_ready", lambda: (_ for _ in ()).throw(engine.EvaluatorError("It is gone.")))
    closed = ask(at, pod())
    at.hook.fails_open = True
    opened = ask(at, pod())
    assert (closed.allowed, opened.allowed) == (False, True)
    assert "It is gone." in closed.message
    assert "It is gone." in opened.warnings[0]


def test_a_dry_run_is_judged_and_leaves_no_trace(demo):
    at = hooked(demo)
    assert not ask(at, pod(**PRIVILEGED), dryRun=True).allowed
    assert not Decision.objects.exists()
    assert not refusals().exists()


@pytest.mark.parametrize(
    "body", [[], {}, {"apiVersion": "admission.k8s.io/v1beta1"}, {"apiVersion": "admission.k8s.io/v1", "request": {}}]
)
def test_what_is_no_review_is_said_to_be_none(body):
    with pytest.raises(MalformedReview):
        request_of(body)


def test_an_object_of_the_wrong_form_is_said_to_be_so(demo):
    thing = {"kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": ["not an object"]}}
    with pytest.raises(MalformedReview, match="form of its kind"):
        ask(hooked(demo), thing)
