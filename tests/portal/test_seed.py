"""seed and createowner: what they make, that repeating them changes nothing, and the mode of the file."""

import io
import json
import re
import stat

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from audit.context import context
from catalog.models import Template
from delivery.models import Release
from policies.models import (
    AccessGrant,
    ApprovalRule,
    Budget,
    CustomRole,
    Delegation,
    Membership,
    Quota,
    Service,
    SignInLink,
    Team,
    User,
    Waiver,
    Window,
)
from provisioning.models import Operation

pytestmark = pytest.mark.django_db


@pytest.fixture
def var(tmp_path, settings):
    from dataclasses import replace

    settings.BERTH = replace(settings.BERTH, var=tmp_path)
    settings.DEBUG = True
    return tmp_path


def _counts() -> list[int]:
    organisation = (User, Team, Membership, Service, ApprovalRule, Template, Release)
    governance = (Quota, Budget, Window, CustomRole, AccessGrant, Delegation, Waiver, Operation)
    models = organisation + governance
    return [model.objects.count() for model in models]


def test_seed_makes_harbour_and_repeating_it_changes_nothing(var) -> None:
    call_command("seed", stdout=io.StringIO())
    first, written = _counts(), (var / "seed.json").read_text()
    assert first == [6, 3, 5, 3, 1, 3, 2, 6, 1, 2, 1, 1, 1, 1, 1]
    call_command("seed", stdout=io.StringIO())
    assert (_counts(), (var / "seed.json").read_text()) == (first, written)


def test_the_passwords_work_and_only_their_owner_reads_them(var, client: Client) -> None:
    call_command("seed", stdout=io.StringIO())
    path = var / "seed.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for row in json.loads(path.read_text()):
        assert Client().post("/signin/", row).status_code == 302, row["username"]


def test_a_lost_file_gives_new_passwords(var) -> None:
    call_command("seed", stdout=io.StringIO())
    before = json.loads((var / "seed.json").read_text())
    (var / "seed.json").unlink()
    call_command("seed", stdout=io.StringIO())
    after = json.loads((var / "seed.json").read_text())
    assert {r["password"] for r in before}.isdisjoint(r["password"] for r in after)


def test_demo_passwords_do_not_work_outside_debug(var, settings) -> None:
    call_command("seed", stdout=io.StringIO())
    settings.DEBUG = False
    row = json.loads((var / "seed.json").read_text())[0]
    assert Client().post("/signin/", row).status_code == 403


def _owner(*arguments: str) -> str:
    out = io.StringIO()
    call_command("createowner", *arguments, stdout=out, stderr=io.StringIO())
    return re.sub(r"^https?://[^/]+", "", out.getvalue().strip())


def test_createowner_prints_a_link_that_signs_in_once(db) -> None:
    address = _owner("--email", "ada@example.org", "--name", "Ada Long", "--team", "core")
    client = Client()
    assert client.post(address).status_code == 302
    person = User.objects.get(email="ada@example.org")
    assert client.session["_auth_user_id"] == str(person.pk)
    assert Membership.objects.get(user=person).role == "owner"
    assert Client().post(address).status_code == 410


def test_createowner_without_a_team_makes_a_platform_engineer_and_can_be_repeated(db) -> None:
    for _ in range(2):
        _owner("--email", "ada@example.org", "--name", "Ada Long")
    assert User.objects.get(email="ada@example.org").is_platform
    assert SignInLink.objects.count() == 2


def test_createowner_refuses_what_is_no_address(db) -> None:
    with pytest.raises(CommandError, match="is no e-mail address"):
        _owner("--email", "nonsense", "--name", "Ada")
    assert not User.objects.exists()


def test_createowner_never_takes_over_a_name(db) -> None:
    with context(by="system:test"):
        User.objects.create_user(username="ada@example.org", email="other@example.org", full_name="Other")
    with pytest.raises(CommandError, match="is taken"):
        _owner("--email", "ada@example.org", "--name", "Ada")
    assert not User.objects.filter(is_platform=True).exists()
