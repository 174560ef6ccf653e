"""What is printed for a cluster, and when nothing is."""

import base64
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from audit.context import context
from provisioning import admission_hooks
from provisioning.models import AdmissionHook, Target

pytestmark = pytest.mark.django_db


@pytest.fixture
def authority(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text("PEM")
    return str(path)


@pytest.fixture
def target():
    with context(by="system:test"):
        return Target.objects.create(slug="eu-1", name="EU 1", driver="kubernetes")


def printed(*arguments):
    out = StringIO()
    call_command("admission", "eu-1", "--url", "https://berth.example.test", *arguments, stdout=out)
    return json.loads(out.getvalue())


def test_the_configuration_names_the_address_with_a_token_that_works(target, authority):
    made = printed("--authority", authority)
    hooks = made["webhooks"]
    assert (made["metadata"]["name"], len(hooks)) == ("berth-eu-1", 2)
    assert {hook["failurePolicy"] for hook in hooks} == {"Fail"}
    client = hooks[0]["clientConfig"]
    assert base64.b64decode(client["caBundle"]) == b"PEM"
    base, _, token = client["url"].rpartition("/")
    assert base == "https://berth.example.test/webhooks/admission/eu-1"
    assert admission_hooks.find("eu-1", token).target == target


def test_a_cluster_may_choose_to_be_open(target, authority):
    made = printed("--authority", authority, "--fail-open", "--timeout", "1")
    assert {(hook["failurePolicy"], hook["timeoutSeconds"]) for hook in made["webhooks"]} == {("Ignore", 1)}
    assert AdmissionHook.objects.get().fails_open


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eu-2"], "No target eu-2 is registered here."),
        (["eu-1", "--timeout", "31"], "The timeout must be 1 to 30 seconds."),
        (["eu-1", "--url", "http://berth.example.test"], "A cluster asks by https only"),
    ],
)
def test_what_cannot_work_makes_nothing(target, authority, arguments, said):
    with pytest.raises(CommandError, match=said):
        call_command("admission", "--authority", authority, "--url", "https://berth.example.test", *arguments)
    assert not AdmissionHook.objects.exists()


def test_a_missing_authority_makes_nothing(target, tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        printed("--authority", str(tmp_path / "absent.pem"))
    assert not AdmissionHook.objects.exists()
