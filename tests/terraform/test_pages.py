"""The State tab and its API: addresses and types for those who may see the environment, a lock that can be broken."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.context import context
from provisioning.drivers.terraform import state
from provisioning.models import Environment, TerraformState
from tests.provisioning.engine import requested
from tests.terraform import stage
from tests.terraform.test_state import CANARY, body

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.servers]


@pytest.fixture(autouse=True)
def _plain_static_files(settings):
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def environment(demo):
    operation = requested(demo)
    with context(by="system:test"):
        Environment.objects.filter(pk=operation.environment_id).update(driver="terraform")
    owner = state.Fenced(str(operation.pk), stage.lease(operation))
    state.rescue(str(operation.environment_id), owner, body())
    return Environment.objects.get(pk=operation.environment_id)


def _locked(environment):
    with context(by="system:test"):
        TerraformState.objects.filter(pk=environment.pk).update(
            lock_id="one", lock={"Who": "root@gone"}, locked_at=timezone.now()
        )


def _client(person):
    client = Client()
    client.force_login(person)
    return client


def test_the_state_tab_shows_addresses_and_never_a_value(environment, demo):
    _locked(environment)
    page = _client(demo.vera).get(reverse("environment_tab", args=[environment.pk, "state"]))
    text = page.content.decode()
    assert page.status_code == 200
    assert "berth_database.main" in text
    assert "root@gone" in text
    assert CANARY not in text


def test_an_environment_of_another_driver_has_no_state_tab(demo):
    found = requested(demo).environment
    assert _client(demo.vera).get(reverse("environment_tab", args=[found.pk, "state"])).status_code == 404


def test_the_owner_breaks_a_lock_on_the_page_and_a_developer_does_not(environment, demo):
    _locked(environment)
    address = reverse("environment_unlock", args=[environment.pk])
    assert _client(demo.mara).post(address, {"reason": "It is gone"}).status_code == 403
    assert TerraformState.objects.get().lock_id == "one"
    assert _client(demo.ines).post(address, {"reason": "It is gone"}).status_code == 302
    assert TerraformState.objects.get().lock_id == ""


def test_the_api_shows_the_same(environment, demo):
    found = _client(demo.vera).get(reverse("api:environment_state", args=[environment.pk])).json()
    assert [line["address"] for line in found["resources"]] == ["berth_database.main"]
    assert [version["serial"] for version in found["versions"]] == [1]
    assert (found["serial"], found["lock"]) == (1, None)
    assert CANARY not in str(found)
