"""Pages for when the ordinary way is shut: force-cancel, the failing step's log, drift, and the ledger of orphans."""

import pytest
from django.urls import reverse

from provisioning import suspicion
from provisioning.models import Orphan, Recheck
from provisioning.runs import recheck
from tests import noop
from tests.people import Demo
from tests.portal.api import made
from tests.portal.visits import existing, signed_in
from tests.provisioning import engine

pytestmark = pytest.mark.django_db(transaction=True)


def _page(demo: Demo, route: str, *args: object) -> str:
    return " ".join(signed_in(demo.mara).get(reverse(route, args=args)).content.decode().split())


def test_f1_the_page_of_a_failed_creation_opens_on_the_log_of_the_step_that_stopped_it(demo: Demo) -> None:
    noop.STEPS[:] = ["a", "b"]
    operation = engine.requested(demo)
    noop.TROUBLE["b"] = [noop.DriverError("No room is left.")]
    engine.drain()
    text = _page(demo, "operation", operation.pk)
    assert "Only step b, which stopped it." in text
    assert "a created" not in text
    assert "Undone. No room is left." in text
    whole = signed_in(demo.mara).get(reverse("operation", args=[operation.pk]) + "?tab=log&step=").content.decode()
    assert "a created" in whole
    assert "Only step" not in whole


def test_force_cancel_is_offered_with_its_time_and_then_asks_for_a_reason(demo: Demo) -> None:
    operation = made.forced(demo)
    assert "Why" in _page(demo, "operation", operation.pk)
    client = signed_in(demo.mara)
    refused = client.post(reverse("operation_force", args=[operation.pk]), {"reason": " "})
    assert refused.status_code == 422
    assert "It needs a reason" in refused.content.decode()
    done = client.post(reverse("operation_force", args=[operation.pk]), {"reason": "It hangs."})
    assert done.status_code == 302
    operation.refresh_from_db()
    assert operation.status == "failed"


def test_a_difference_is_shown_with_what_can_be_done(demo: Demo) -> None:
    environment = engine.ready(demo)
    noop.WORLD[str(environment.pk)]["stray"] = {}
    assert "Not compared yet." in _page(demo, "environment", environment.pk)
    signed_in(demo.mara).post(reverse("environment_check", args=[environment.pk]))
    assert Recheck.objects.get().cause == suspicion.ASKED
    assert recheck.sweep()["drifted"] == 1
    text = _page(demo, "environment", environment.pk)
    assert "Drifted" in text
    assert "should not be there" in text
    answer = signed_in(demo.mara).post(reverse("environment_ask", args=[environment.pk, "reconcile"]))
    assert answer.status_code == 302
    engine.drain()
    assert sorted(noop.WORLD[str(environment.pk)]) == ["thing"]


def test_the_ledger_says_what_is_left_why_and_who_may_remove_it(demo: Demo, django_assert_max_num_queries) -> None:
    row = made.orphan(demo)
    with django_assert_max_num_queries(32):
        text = _page(demo, "orphans")
    for words in ("postgres.database", "payments-api-left", "The server did not answer.", "Retry removal"):
        assert words in text
    viewer = signed_in(demo.vera).get(reverse("orphans")).content.decode()
    assert "Ines or a platform engineer can remove it." in viewer
    assert (
        signed_in(demo.mara).post(reverse("orphan_removed", args=[row.pk]), {"reason": "Dropped."}).status_code == 302
    )
    assert "Nothing is left behind." in _page(demo, "orphans")
    gone = signed_in(demo.mara).get(reverse("orphans") + "?state=removed").content.decode()
    assert "Dropped." in gone


@pytest.mark.parametrize("query", ["?q=left", "?team=payments", "?driver=noop", "?age=1", "?age=x&page=99"])
def test_the_ledger_is_narrowed_by_its_address(demo: Demo, query: str) -> None:
    made.orphan(demo)
    found = signed_in(demo.mara).get(reverse("orphans") + query).content.decode()
    assert ("postgres.database" in found) is (query != "?age=1")


def test_the_record_of_an_environment_without_driver_can_be_deleted_from_its_settings(demo: Demo) -> None:
    environment = existing(demo)
    made.operation(demo, environment, kind="destroy", status="failed")
    client = signed_in(demo.ines)
    page = client.get(reverse("environment_tab", args=[environment.pk, "settings"])).content.decode()
    assert "Delete the record" in page
    sent = {"reason": "Its cluster is gone.", "confirm": environment.name}
    assert client.post(reverse("environment_delete_record", args=[environment.pk]), sent).status_code == 302
    environment.refresh_from_db()
    assert (environment.status, Orphan.objects.count()) == ("destroyed", 0)
