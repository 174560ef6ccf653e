"""Every credential of a whole journey is known afterwards, and searched for wherever it could have been left.

The portal is the one that people run (`manage.py up`), so the places are real: its databases, its Valkeys and what was
said to them, its files and logs, its processes, its pages and exports.
"""

import os
import stat

import hvac
import psycopg
import pytest

from portal.demo.journey import Journey
from portal.embedded import openbao, state
from tests import whole
from tests.security import places
from tests.security.canaries import Canaries

pytestmark = [
    pytest.mark.servers,
    pytest.mark.serial,
    pytest.mark.timeout(900),
]
AWKWARD = 'kN7/"q+ünz\\Wd-3fR0_xPe~vG'
REVEALED = ("database", "cache")


class Told:
    """A journey that was travelled, what was watched meanwhile, and every secret in it."""

    def __init__(self, portal: whole.Portal) -> None:
        self.portal, self.revealed, self.pages = portal, [], []
        journey = Journey(portal.url, portal.people(), tag="told")
        self.steps = dict(journey.steps())
        with places.watching(portal) as self.watch:
            for title, step in self.steps.items():
                if title == "Destroyed":
                    self._look_around(journey)
                step()
            self.watch.look()
            self.pages += _exports(portal)
        self.places = [*places.tables(portal), *places.keys(portal), *places.files(portal), *self.pages]

    def _look_around(self, journey: Journey) -> None:
        """While everything stands: learn, reveal, make a token, and open every page."""
        self.generated = _generated(self.portal)
        mara, home = places.reader(self.portal, "mara"), f"/environments/{journey.environments['dev']}/"
        for name in REVEALED:
            answer = mara.send(f"{home}secrets/{name}/reveal/", reason="to know what to search for")
            self.revealed.append(answer.text)
        token = mara.post("tokens/", {"name": "ci", "scopes": ["read"], "days": 1})
        self.token = next(value for name, value in token.items() if name in {"token", "value", "secret"})
        self.pages += _pages(self.portal, journey)
        self.places_while_alive = [*places.tables(self.portal), *places.keys(self.portal)]

    @property
    def everywhere(self) -> list[places.Place]:
        """All places but the processes' environments, where the portal's own passwords may be."""
        return [*self.places, *self.places_while_alive, *self.watch.places("process cmd"), *self.talk]

    @property
    def talk(self) -> list[places.Place]:
        return [*self.watch.places("workload"), *self.watch.places("messages")]


def _generated(portal: whole.Portal) -> dict[str, str]:
    """Every value below the environments' paths, read as the worker reads them; addresses are no secrets."""
    address = f"http://127.0.0.1:{state.load(portal.var).ports['openbao']}"
    vault = hvac.Client(url=address)
    vault.auth.approle.login(_role_id(portal, address), (portal.var / "vault-secret-id").read_text())
    kv, found = vault.secrets.kv.v2, {}
    for environment in kv.list_secrets("env", mount_point="kv")["data"]["keys"]:
        for name in kv.list_secrets(f"env/{environment}", mount_point="kv")["data"]["keys"]:
            path = f"env/{environment}{name}"
            read = kv.read_secret_version(path, mount_point="kv", raise_on_deleted_version=True)["data"]["data"]
            found |= {f"{path} {field}": read[field] for field in ("password", "url", "value") if field in read}
    return found


def _role_id(portal: whole.Portal, address: str) -> str:
    """The public half of the worker's account, as setting up reads it."""
    vault = hvac.Client(url=address)
    vault.auth.approle.login(openbao.SETUP, state.load(portal.var).password("openbao-setup"))
    return str(vault.auth.approle.read_role_id("berth")["data"]["role_id"])


def _pages(portal: whole.Portal, journey: Journey) -> list[places.Place]:
    """Every page that Mara and the auditor can reach, and the API's answers about what was made."""
    starts = [f"/environments/{pk}/" for pk in journey.environments.values()]
    starts += [f"/operations/{pk}/" for pk in journey.seen]
    found = [
        *places.reader(portal, "mara").pages(
            ["/settings/tokens/", "/pipelines/", "/teams/", "/inbox/", *starts, "/"], 60
        )
    ]
    found += places.reader(portal, "ana").pages([*starts, "/history/"], 40)
    mara = places.reader(portal, "mara")
    addresses = [f"operations/{pk}/{part}" for pk in journey.seen for part in ("", "log/", "decisions/", "signatures/")]
    addresses += [f"environments/{pk}/{part}" for pk in journey.environments.values() for part in ("", "secrets/")]
    addresses += ["environments/", "operations/", "history/", "releases/", "tokens/", "me/", "inbox/", "services/"]
    return found + [(f"api {address}", mara.look(f"/api/v1/{address}").content) for address in addresses]


def _exports(portal: whole.Portal) -> list[places.Place]:
    ana = places.reader(portal, "ana")
    found = [(f"export {kind}", ana.look(f"/history/export/{kind}/").content) for kind in ("csv", "jsonl")]
    assert all(text.count(b"\n") > 100 for _, text in found)
    return found


@pytest.fixture(scope="module")
def told():
    with whole.installation() as portal:
        portal.start()
        yield Told(portal)


def test_g3_no_generated_credential_is_left_anywhere(told) -> None:
    canaries = Canaries(told.generated)
    assert len(canaries) == 2 * 2 * 2, sorted(told.generated)
    assert canaries.found_in([*told.everywhere, *told.watch.places("process environ")]) == {}


def test_g3_the_values_searched_for_are_the_ones_that_a_reveal_shows(told) -> None:
    passwords = {name: value for name, value in told.generated.items() if name.endswith("password")}
    shown = Canaries(passwords).found("".join(told.revealed))
    assert sorted(name.split("/")[-1] for name in shown) == ["cache password", "database password"]


def test_g3_what_people_sign_in_with_is_left_nowhere(told) -> None:
    canaries = Canaries({**told.portal.people(), "API token": told.token})
    assert canaries.found_in([*told.everywhere, *told.watch.places("process environ")]) == {}


def _master(portal: whole.Portal) -> Canaries:
    kept = dict(state.load(portal.var).passwords)
    files = {name: portal.var.joinpath(name).read_bytes().strip() for name in ("vault-secret-id", "openbao/seal.key")}
    assert {"berth_admin", "berth_owner", "berth_app", "berth_sandbox", "secret-key", "valkey-data"} < set(kept)
    return Canaries({**kept, **files})


def test_g3_the_portal_s_own_secrets_stay_in_their_processes(told) -> None:
    found = _master(told.portal).found_in([*told.everywhere, ("terminal", told.portal.terminal.encode())])
    assert found == {}


def test_g3_a_workload_is_started_without_any_variable(told) -> None:
    # Root reads that it is empty; anybody else, the same account included, may not even read it.
    readable = {b""} if os.geteuid() == 0 else set()
    assert {text for _, text in told.watch.places("workload environ")} == readable
    assert len(told.watch.places("workload cmdline")) > 0


def test_g3_files_that_hold_secrets_are_for_their_owner_alone(told) -> None:
    modes = {name: stat.S_IMODE((told.portal.var / name).stat().st_mode) for name in places.HOLDERS}
    assert modes == dict.fromkeys(places.HOLDERS, 0o600)


def test_the_search_covers_what_it_claims(told) -> None:
    names = {name for name, _ in told.places}
    for place in (
        "berth public.audit_event",
        "berth public.provisioning_operationlog",
        "berth public.django_session",
        "berth_openbao public.openbao_kv_store",
        "log/worker.log",
        "log/web.log",
        "log/postgres.log",
        "openbao/audit.log",
        "data/users.acl",
        "valkey data accounts",
    ):
        assert any(name.startswith(place) for name in names), (place, sorted(names))
    opened = [name for name, _ in told.pages if name.endswith("(200)")]
    for page in ("/secrets/", "/log/", "/history/", "/inbox/", "/pipelines/", "/teams/", "/settings/tokens/"):
        assert any(page in name for name in opened), (page, opened)
    assert any(b"provisioning.work" in text for _, text in told.watch.places("messages to broker"))
    assert any(b"gunicorn" in text for _, text in told.watch.places("process cmdline"))


def test_a_planted_value_is_found_in_a_log_a_table_a_valkey_and_a_page(told) -> None:
    canaries = Canaries({"planted": AWKWARD})
    with told.portal.var.joinpath("log/web.log").open("a") as log:
        log.write(f"GET /?q={AWKWARD}\n")
    with psycopg.connect(places.database_url(told.portal, "berth")) as db:
        db.execute("UPDATE policies_team SET name = %s WHERE slug = 'payments'", [AWKWARD.encode().hex()])
    for server in places.valkeys(told.portal).values():
        server.hset("planted", "x", AWKWARD)
    portal = told.portal
    found = canaries.found_in([*places.tables(portal), *places.keys(portal), *places.files(portal)])
    assert {"log/web.log", "berth public.policies_team", "valkey data b'planted'"} <= set(found)
    assert any(name.startswith("berth public.audit_event") for name in found)
