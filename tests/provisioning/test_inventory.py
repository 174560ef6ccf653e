"""Lists become candidates row by row; what is wrong in a row is said of that row, and the others go on."""

import json

import pytest

from audit.cells import as_text
from audit.context import context
from audit.models import AuditEvent
from policies.results import Denied
from provisioning import inventory
from provisioning.actions.inventory import List, ask_scan, assign, import_list
from provisioning.drivers.base import DriverUnavailable, Existing
from provisioning.models import InventoryItem, Target
from provisioning.runs import scan
from tests import noop

HEAD = "driver,kind,address,id,name,team,owner\n"


def errors(read):
    return [(error.row, error.field, error.reason) for error in read.errors]


def test_a_list_is_read_row_by_row():
    read = inventory.read_csv(HEAD + "noop,thing,a,1,A,payments,mara\nnoop,,b,2,,,\nnoop,thing,c,3,,,\n")
    assert [(row, c.address, c.id, c.team) for row, c in read.candidates] == [
        (1, "a", "1", "payments"),
        (3, "c", "3", ""),
    ]
    assert errors(read) == [(2, "kind", "It is empty.")]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@sum", "=cmd|' /C calc'!A0"])
def test_a_cell_that_a_spreadsheet_would_run_is_refused(cell):
    read = inventory.read_csv(HEAD + f"noop,thing,a,1,{cell},,\n")
    assert errors(read) == [(1, "name", "It begins like a formula of a spreadsheet.")]
    assert as_text(cell) == f"'{cell}"


def test_an_id_may_begin_with_a_sign_and_comes_back_as_it_was():
    written = as_text("-abc")
    assert inventory.read_csv(HEAD + f"noop,thing,a,{written},,,\n").candidates[0][1].id == "-abc"


def test_what_is_listed_twice_or_too_long_or_unreadable_is_named():
    rows = "noop,thing,a,1,,,\nnoop,thing,b,1,,,\nnoop,thing,c,3,a\x07b,,\n" + f"noop,thing,{'d' * 161},4,,,\n"
    read = inventory.read_csv(HEAD + rows + "noop,thing,e,5,,,,,more\n")
    assert errors(read) == [
        (2, "id", "It is in row 1 already."),
        (3, "name", "It holds a control character."),
        (4, "address", "It is longer than 160 characters."),
        (5, "", "It has more cells than the heading."),
    ]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "driver,kind,address,id,colour\n", 'driver,kind,address,id\n"a\n'])
def test_a_file_of_another_form_is_refused_as_a_whole(text):
    read = inventory.read_csv(text)
    assert (read.candidates, [error.row for error in read.errors]) == ((), [0])


def test_more_rows_than_allowed_are_left_out():
    rows = "".join(f"noop,thing,a{n},{n},,,\n" for n in range(inventory.MOST_ROWS + 5))
    read = inventory.read_csv(HEAD + rows)
    assert len(read.candidates) == inventory.MOST_ROWS
    assert errors(read) == [(5001, "", "More than 5000 rows: the rest was left out.")]


STATE = {
    "version": 4,
    "resources": [
        {"mode": "data", "type": "x", "name": "y", "instances": [{"attributes": {"id": "0"}}]},
        {
            "mode": "managed",
            "module": "module.db",
            "type": "postgresql_database",
            "name": "main",
            "instances": [
                {"index_key": "eu", "attributes": {"id": "main-eu", "password": "s3cret-value"}},
                {
                    "index_key": 0,
                    "attributes": {"id": "hidden"},
                    "sensitive_attributes": [[{"type": "get_attr", "value": "id"}]],
                },
            ],
        },
    ],
}


def test_a_terraform_state_gives_addresses_and_ids_and_no_other_attribute():
    read = inventory.read_terraform(json.dumps(STATE), target="eu-1")
    assert [(c.address, c.id, c.kind, c.target) for _, c in read.candidates] == [
        ('module.db.postgresql_database.main["eu"]', "main-eu", "postgresql_database", "eu-1")
    ]
    assert errors(read) == [(2, "id", "It is empty.")]
    assert "s3cret" not in repr(read)
    assert "hidden" not in repr(read)


def test_what_terraform_shows_is_read_too():
    resource = {"mode": "managed", "address": "module.a.t.n", "type": "t", "name": "n", "values": {"id": 7}}
    shown = {"values": {"root_module": {"child_modules": [{"resources": [resource]}]}}}
    assert [(c.address, c.id) for _, c in inventory.read_terraform(json.dumps(shown)).candidates] == [
        ("module.a.t.n", "7")
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"resources": 3}', '{"values": null}', "[" * 100000])
def test_what_is_no_state_is_said_to_be_none(text):
    assert [error.row for error in inventory.read_terraform(text).errors] == [0]


@pytest.mark.django_db
def test_unknown_names_are_said_of_their_row_and_the_rest_is_kept(demo):
    rows = "noop,thing,a,1,A,payments,mara\nnoop,thing,b,2,,nobody,\nchalk,thing,c,3,,,\nfiled,thing,d,4,,,mara\n"
    made = import_list(by=demo.pia, given=List("csv", "list.csv", HEAD + rows))
    assert [(e["row"], e["field"], e["reason"]) for e in made.errors] == [
        (2, "team", "There is no team nobody."),
        (3, "driver", "No driver named chalk is installed."),
        (4, "driver", "The driver filed cannot adopt."),
        (4, "team", "An owner needs a team."),
    ]
    item = InventoryItem.objects.get()
    assert (made.added, item.state, item.team, item.owner) == (1, "assigned", demo.payments, demo.mara)


@pytest.mark.django_db
def test_reading_a_list_again_adds_nothing_and_keeps_what_was_assigned(demo):
    given = List("csv", "list.csv", HEAD + "noop,thing,a,1,A,,\n")
    import_list(by=demo.pia, given=given)
    assert assign(by=demo.pia, items=InventoryItem.objects.all(), team=demo.payments, owner=demo.mara) == 1
    again = import_list(by=demo.pia, given=given)
    assert (again.added, again.known) == (0, 1)
    assert InventoryItem.objects.get().owner == demo.mara


@pytest.mark.django_db
def test_only_platform_engineers_read_scan_and_assign(demo):
    for by in (demo.mara, demo.ines, demo.ana):
        denied = import_list(by=by, given=List("csv", "list.csv", HEAD))
        assert isinstance(denied, Denied)
        assert denied.rule == "role.manage_inventory"
        assert isinstance(assign(by=by, items=[], team=demo.payments), Denied)
        tries = AuditEvent.objects.filter(event="access.refused", object="inventory:", actor=by.audit_ref)
        assert [each.data["rule"] for each in tries] == [denied.rule] * 2
    assert not InventoryItem.objects.exists()


@pytest.mark.django_db
def test_a_list_of_no_known_kind_is_refused(demo):
    denied = import_list(by=demo.pia, given=List("cluster", "list.csv", HEAD))
    assert (denied.rule, denied.status) == ("inventory.source", 422)


@pytest.mark.django_db
def test_an_owner_must_belong_to_the_team(demo):
    denied = assign(by=demo.pia, items=[], team=demo.payments, owner=demo.tomasz)
    assert (denied.rule, denied.field) == ("inventory.owner", "owner")


@pytest.fixture
def target(demo):
    with context(by="system:test"):
        return Target.objects.create(slug="eu-1", name="Europe", driver="noop")


@pytest.mark.django_db(transaction=True)
def test_a_scan_is_done_by_a_worker_once(demo, target, monkeypatch):
    found = [Existing("Namespace", "Namespace/shop", "shop", "shop")]
    monkeypatch.setattr(noop.NoopDriver, "inventory", lambda self, target: found)
    asked = ask_scan(by=demo.pia, target=target)
    assert (asked.finished_at, scan.sweep(), scan.sweep()) == (None, 1, 0)
    item = InventoryItem.objects.get()
    assert (item.address, item.target, item.state) == ("Namespace/shop", target, "unassigned")


@pytest.mark.django_db(transaction=True)
def test_a_scan_of_a_target_that_is_away_says_so(demo, target, monkeypatch):
    def away(self, target):
        raise DriverUnavailable("It does not answer.")

    monkeypatch.setattr(noop.NoopDriver, "inventory", away)
    asked = ask_scan(by=demo.pia, target=target)
    scan.sweep()
    asked.refresh_from_db()
    assert asked.errors[0]["reason"].endswith("UTC: It does not answer.")
    assert not InventoryItem.objects.exists()
