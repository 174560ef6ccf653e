"""Waivers through the API, and what a refusal says there."""

from typing import Any

import pytest

from policies.models import Waiver
from provisioning.models import Environment
from tests.people import Demo
from tests.portal.api import made
from tests.portal.api.conftest import refusal

pytestmark = pytest.mark.django_db
LONG = {"service": "payments-api", "template": "web-service", "name": "payments-x", "tier": "dev", "ttl_hours": 1920}
ASKED = {"rule": "env.ttl_maximum", "scope": "service:payments-api", "reason": "The audit runs for 80 days."}


def _request(caller: Any, **changes: Any) -> Any:
    return caller.post("/operations/", {"kind": "create", **LONG, **changes})


def test_f5_a_refusal_says_rule_field_value_fix_owner_and_where_a_waiver_is_asked_for(demo: Demo, call: Any) -> None:
    answer = _request(call("mara"))
    assert refusal(answer) == (422, "env.ttl_maximum", "environment.ttl_hours")
    said = answer.json()
    assert said["value"] == 1920
    assert said["fix"] == "Ask for 60 days or less."
    assert (said["who"], said["owner"]) == ("The owner of the template", "The platform team")
    assert said["waiver_url"].startswith("/waivers/new/?rule=env.ttl_maximum&field=environment.ttl_hours&value=1920")
    assert said["waiver_url"].endswith("&scope=service%3Apayments-api&scope=team%3Apayments")
    assert said["errors"][0]["waiver_url"] == said["waiver_url"]
    assert not Environment.objects.exists()


def test_a_rule_that_nobody_may_waive_gives_no_address(demo: Demo, call: Any) -> None:
    said = _request(call("mara"), name="Bad_", ttl_hours=24).json()
    assert said["rule"] == "env.name_label"
    assert not {"waiver_url", "owner"} & set(said)


def test_row81_asked_granted_and_counted(demo: Demo, call: Any) -> None:
    answer = call("mara").post("/waivers/", {**ASKED, "days": 90, "ticket": "PAY-1841", "owner": "ines"})
    waiver = Waiver.objects.get()
    assert (answer.status_code, answer["Location"]) == (201, f"/api/v1/waivers/{waiver.pk}/")
    assert (answer.json()["decides"], answer.json()["owner"]["username"]) == ("The platform team", "ines")
    granted = call("pia").post(f"/waivers/{waiver.pk}/grant/", {"reason": "Until the audit ends."})
    assert (granted.status_code, granted.json()["state"]) == (200, "granted")
    made_ = _request(call("mara"))
    assert made_.status_code == 201
    (finding,) = call("mara").get(f"/operations/{made_.json()['id']}/decisions/").json()[0]["findings"]
    assert (finding["severity"], finding["waiver"], finding["ask"]) == ("waived", waiver.pk, [])


def test_nobody_grants_their_own_nor_without_the_scope(demo: Demo, call: Any) -> None:
    waiver = made.waiver(demo)
    path, why = f"/waivers/{waiver.pk}/grant/", {"reason": "Mine."}
    assert refusal(call("mara").post(path, why)) == (403, "waiver.not_asker", "decided_by")
    assert refusal(call("pia", "operate").post(path, why))[:2] == (403, "auth.scope")
    waiver.refresh_from_db()
    assert waiver.state == "asked"


def test_refused_withdrawn_and_listed(demo: Demo, call: Any) -> None:
    refused, withdrawn = made.waiver(demo), made.waiver(demo, scope="team:payments", label="Payments")
    assert call("pia").post(f"/waivers/{refused.pk}/refuse/", {"reason": "Suspend it."}).json()["state"] == "refused"
    assert call("mara").post(f"/waivers/{withdrawn.pk}/withdraw/", {"reason": "Done."}).json()["state"] == "withdrawn"
    listed = call("vera").get("/waivers/", {"state": "refused"}).json()["results"]
    assert [row["id"] for row in listed] == [refused.pk]
    assert call("olaf").get("/waivers/").json()["results"] == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"scope": "service:nothing"}, (422, "waiver.scope", "scope")),
        ({"scope": "environment:x"}, (422, "waiver.scope", "scope")),
        ({"owner": "olaf"}, (422, "waiver.owner", "owner")),
        ({"days": 181}, (422, "waiver.days", "days")),
        ({"days": "90"}, (422, "request.invalid", "days")),
        ({"rule": "env.name_label"}, (422, "waiver.rule", "rule")),
        ({"more": 1}, (422, "request.unknown", "more")),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_a_problem(demo: Demo, call: Any, changes: Any, expected: Any) -> None:
    assert refusal(call("mara").post("/waivers/", {**ASKED, **changes})) == expected
    assert not Waiver.objects.exists()
