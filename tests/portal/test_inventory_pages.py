"""The inventory's pages: read a file, see what is wrong in it, assign, adopt, and take it away as a safe file."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from provisioning.models import InventoryItem, Operation
from tests.portal.api import made
from tests.portal.visitors import signed_in

pytestmark = pytest.mark.django_db
HEAD = "driver,kind,address,id,name,team,owner\n"


def sent(text, name="list.csv"):
    return SimpleUploadedFile(name, text.encode(), "text/csv")


def test_a_file_is_read_and_each_bad_row_is_named(demo):
    client = signed_in(demo.pia)
    rows = "noop,thing,a,1,A,payments,mara\nnoop,thing,b,2,=1+1,,\nchalk,thing,c,3,,,\n"
    answer = client.post("/inventory/import/", {"source": "csv", "file": sent(HEAD + rows)})
    assert (answer.status_code, answer.url) == (302, "/inventory/")
    page = client.get("/inventory/").content.decode()
    assert "Row 2, name: It begins like a formula of a spreadsheet." in page
    assert "Row 3, driver: No driver named chalk is installed." in page
    assert InventoryItem.objects.get().address == "a"


def test_a_developer_sees_what_is_assigned_to_the_team_and_nothing_else(demo):
    other = HEAD + "noop,thing,mine,1,,payments,\nnoop,thing,theirs,2,,reliability,\nnoop,thing,nobodys,3,,,\n"
    signed_in(demo.pia).post("/inventory/import/", {"source": "csv", "file": sent(other)})
    page = signed_in(demo.mara).get("/inventory/").content.decode()
    assert [name in page for name in ("mine", "theirs", "nobodys", "Read last")] == [True, False, False, False]


def test_a_developer_adopts_the_chosen(demo):
    item = made.item(demo)
    asked = {"item": item.pk, "service": "payments-api", "template": "web-service", "name": "shop-dev", "tier": "dev"}
    answer = signed_in(demo.mara).post("/inventory/adopt/", asked)
    operation = Operation.objects.get()
    assert (answer.status_code, answer.url) == (302, f"/operations/{operation.pk}/")
    assert (operation.kind, operation.arguments["imports"]) == ("adopt", {"thing": "id-thing"})


@pytest.mark.parametrize("parameters", ["{", "[]", "null", "[" * 100000])
def test_parameters_that_are_no_object_are_refused(demo, parameters):
    asked = {
        "item": made.item(demo).pk,
        "service": "payments-api",
        "template": "web-service",
        "name": "x",
        "tier": "dev",
    }
    answer = signed_in(demo.mara).post("/inventory/adopt/", {**asked, "parameters": parameters})
    assert answer.status_code == 422
    assert not Operation.objects.exists()


def test_the_file_that_is_taken_away_runs_nothing_in_a_spreadsheet_and_can_be_read_again(demo):
    rows = HEAD + "noop,thing,a,'-rf,A,payments,mara\n"
    client = signed_in(demo.pia)
    client.post("/inventory/import/", {"source": "csv", "file": sent(rows)})
    taken = b"".join(client.get("/inventory/export/").streaming_content).decode()
    assert taken.splitlines()[1] == "noop,,thing,a,'-rf,A,payments,mara"
    client.post("/inventory/import/", {"source": "csv", "file": sent(taken)})
    assert InventoryItem.objects.get().resource_id == "-rf"


def test_a_file_that_is_no_text_is_refused_as_a_whole(demo):
    answer = signed_in(demo.pia).post(
        "/inventory/import/", {"source": "csv", "file": SimpleUploadedFile("x.csv", b"\xff\xfe\x00\x01" * 50)}
    )
    assert answer.status_code == 302
    assert not InventoryItem.objects.exists()


def test_an_item_of_another_form_is_not_found(demo):
    assert signed_in(demo.pia).post("/inventory/assign/", {"item": "1", "team": "payments"}).status_code == 404
