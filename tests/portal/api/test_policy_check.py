"""Policy for pipelines: the live bundle in the same words, by API and by command, and nothing is made of it."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalog.models import TemplateVersion
from policies.models import Decision, DecisionInput
from provisioning.models import Environment, Operation
from tests.policies.conftest import fresh_engine
from tests.policies.waived import granted
from tests.portal.api import made
from tests.portal.api.conftest import token_of
from tests.processes import ROOT

__all__ = ["fresh_engine"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_engine")]
TEMPLATE = (ROOT / "examples" / "catalogue" / "web-service" / "template.yaml").read_text()
POD = """apiVersion: v1
kind: Pod
metadata: {name: web, namespace: berth-x}
spec:
  containers:
    - {name: web, image: "registry.example.org/web:1", securityContext: {privileged: %s}}
"""


def plan(*actions, after=None, **more):
    changes = [
        {
            "address": f"aws_instance.a{n}",
            "mode": "managed",
            "change": {"actions": [action], "before": {"password": "hunter-2"}, "after": after, **more},
        }
        for n, action in enumerate(actions)
    ]
    return json.dumps({"format_version": "1.2", "resource_changes": changes})


def test_a_template_is_judged_in_every_tier_that_it_offers(demo):
    answer = token_of(demo.mara, "read").post(
        "/policy/check/", {"kind": "template", "document": TEMPLATE, "template": "web", "service": "payments-api"}
    )
    body = answer.json()
    assert answer.status_code == 200, body
    assert {each["name"] for each in body["results"]} >= {"web in dev", "web in prod"}
    refused = {each["name"]: [f["rule"] for f in each["findings"]] for each in body["results"] if not each["allowed"]}
    assert (body["judged"], body["allowed"]) == (True, not refused)
    assert Decision.objects.filter(point="check").count() == len(body["results"])


def test_a_manifest_is_judged_as_its_cluster_would_ask(demo):
    where = made.environment(demo)
    asked = {"kind": "manifest", "environment": where.name}
    caller = token_of(demo.mara, "read")
    bad = caller.post("/policy/check/", {**asked, "document": f"{POD % 'false'}---\n{POD % 'true'}"}).json()
    assert [each["allowed"] for each in bad["results"]] == [True, False]
    [finding] = bad["results"][1]["findings"]
    assert (finding["rule"], finding["field"].startswith("containers.web")) == ("admission.privileged", True)
    assert caller.post("/policy/check/", {**asked, "document": POD % "false"}).json()["allowed"] is True


def test_a_waived_finding_of_a_manifest_is_told_and_lets_it_pass(demo):
    where = made.environment(demo)
    scope = {"scope": f"environment:{where.pk}", "label": where.name}
    waiver = granted(demo, now=timezone.now(), rule="admission.privileged", **scope)
    asked = {"kind": "manifest", "environment": where.name, "document": POD % "true"}
    body = token_of(demo.mara, "read").post("/policy/check/", asked).json()
    [finding] = body["results"][0]["findings"]
    assert (body["allowed"], finding["rule"], finding["severity"]) == (True, "admission.privileged", "waived")
    assert Decision.objects.get(point="check").findings[0]["waiver"] == waiver.pk


def test_a_terraform_plan_is_judged_with_its_changes_and_no_secret_is_kept(demo):
    where = made.environment(demo, "payments-api-prod", tier="prod")
    asked = {"kind": "terraform", "environment": where.name}
    document = plan("delete", before_sensitive={"password": True})
    body = token_of(demo.mara, "read").post("/policy/check/", {**asked, "document": document}).json()
    rules = [finding["rule"] for finding in body["results"][0]["findings"]]
    assert "plan.removal" in rules
    kept = DecisionInput.objects.get(digest=Decision.objects.get().input_digest).document
    assert "aws_instance.a0" in kept
    assert "hunter-2" not in kept


def test_a_plan_for_what_does_not_exist_yet_names_template_service_and_tier(demo):
    asked = {"kind": "terraform", "template": "web-service", "service": "payments-api", "tier": "dev"}
    body = token_of(demo.mara, "read").post("/policy/check/", {**asked, "document": plan("create")}).json()
    assert (body["allowed"], body["results"][0]["name"]) == (True, "plan")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"kind": "terraform", "document": "{}"}, "document"),
        ({"kind": "terraform", "document": "[[[", "environment": "payments-api-dev"}, "document"),
        ({"kind": "terraform", "document": plan("create")}, "template"),
        ({"kind": "terraform", "document": plan("create"), "environment": "not-there"}, "environment"),
        ({"kind": "manifest", "document": "a: &b 1\nc: *b", "environment": "payments-api-dev"}, "document"),
        ({"kind": "manifest", "document": "kind: Pod\nspec: 3", "environment": "payments-api-dev"}, "document"),
        ({"kind": "manifest", "document": "kind: Pod", "environment": "not-there"}, "environment"),
        ({"kind": "template", "document": "name: x", "service": "payments-api"}, "document"),
        ({"kind": "template", "document": TEMPLATE, "service": "not-there"}, "service"),
        ({"kind": "template", "document": TEMPLATE, "service": "payments-api", "tier": "moon"}, "tier"),
        ({"kind": "anything", "document": "x"}, "kind"),
    ],
)
def test_what_cannot_be_read_is_refused_by_field_and_leaves_nothing(demo, asked, field):
    made.environment(demo)
    answer = token_of(demo.mara, "read").post("/policy/check/", asked)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert Decision.objects.count() == 0


def test_what_is_not_ones_own_looks_as_if_it_were_not_there(demo):
    made.environment(demo)
    asked = {"kind": "terraform", "document": plan("create"), "environment": "payments-api-dev"}
    assert token_of(demo.olaf, "read").post("/policy/check/", asked).json()["field"] == "environment"


def test_a_token_needs_to_read_and_nothing_is_made(demo):
    made.environment(demo)
    versions = TemplateVersion.objects.count()
    asked = {"kind": "template", "document": TEMPLATE, "service": "payments-api"}
    assert token_of(demo.mara, "approve").post("/policy/check/", asked).status_code == 403
    assert token_of(demo.mara, "read").post("/policy/check/", asked).status_code == 200
    assert (Environment.objects.count(), Operation.objects.count()) == (1, 0)
    assert TemplateVersion.objects.count() == versions


def run(tmp_path, document, **options):
    file, out = tmp_path / "document", io.StringIO()
    file.write_text(document)
    code = 0
    try:
        call_command("policy_check", str(file), stdout=out, **options)
    except CommandError as error:
        code = error.returncode
    return code, out.getvalue()


def test_the_command_says_the_same_words_and_ends_with_0_1_or_2(demo, tmp_path):
    made.environment(demo)
    asked = {"kind": "manifest", "environment": "payments-api-dev", "username": "mara"}
    assert run(tmp_path, POD % "false", **asked)[0] == 0
    code, said = run(tmp_path, POD % "true", **asked)
    assert (code, said.splitlines()[0]) == (1, "refused  Pod/web")
    assert "admission.privileged: " in said
    assert run(tmp_path, "kind: [", **asked)[0] == 2
    assert run(tmp_path, POD % "true", **{**asked, "username": "nobody"})[0] == 2
    assert run(tmp_path, POD % "true", kind="manifest", url="http://127.0.0.1:9")[0] == 2


@pytest.mark.django_db(transaction=True)
def test_the_command_asks_a_portal_over_its_api(demo, tmp_path, live_server, monkeypatch):
    made.environment(demo)
    caller = token_of(demo.mara, "read")
    monkeypatch.setenv("BERTH_TOKEN", caller.headers["Authorization"].removeprefix("Bearer "))
    asked = {"kind": "manifest", "environment": "payments-api-dev", "url": live_server.url}
    assert run(tmp_path, POD % "true", **asked)[0] == 1
    monkeypatch.setenv("BERTH_TOKEN", "wrong")
    assert run(tmp_path, POD % "true", **asked)[0] == 2
