"""Access in the browser and through the API: the answer with its reason; rights that are gone at the next request."""

from datetime import timedelta

import pytest
from django.db.models import Value
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from policies import tokens, written
from policies.access import giving, leaving, machines
from policies.models import AccessGrant, ApiToken, Impersonation, Membership, Signature, User
from policies.permissions import Permission
from portal.presenters.access import unsatisfied
from portal.views.streams import Reader, still_allowed
from provisioning.actions import leaving as farewell
from tests.portal.api import made
from tests.portal.visitors import signed_in

pytestmark = pytest.mark.django_db


def bearer(value: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {value}"})


def granted(demo, to, **fields) -> AccessGrant:
    fields = {"matter": "developer", "where": demo.payments, "reason": "Cover.", **fields}
    return giving.give(by=demo.pia, wanted=giving.Wanted(to=to, **fields))


def test_the_page_answers_who_may_and_why(demo):
    granted(demo, demo.jonas, matter="approve", effect="deny", reason="Conflict of interest.")
    asked = {"permission": "approve", "scope": "team:payments"}
    page = signed_in(demo.mara).get(reverse("access"), asked).content.decode()
    answers = page[page.index('id="answers"') :]
    assert answers.index("Ines") < answers.index("Jonas")
    assert "Conflict of interest." in answers
    one = signed_in(demo.mara).get(reverse("access"), {**asked, "person": "jonas"}).content.decode()
    assert "may not" in one


def test_page_and_api_give_the_same_answer(demo):
    asked = {"permission": "deploy", "scope": "service:payments-api", "user": "mara"}
    found = signed_in(demo.ines).get(reverse("api:access_why"), asked).json()
    assert found["allowed"] is True
    [source] = found["because"]
    assert (source["source"], source["what"], source["where"]) == ("role", "developer", "Payments")
    del asked["user"]
    people = signed_in(demo.ines).get(reverse("api:access_who"), asked).json()["people"]
    assert [each["user"]["username"] for each in people] == ["ines", "mara"]


def test_a_person_who_is_not_near_cannot_be_asked_about(demo):
    for person in ("tomasz", "nobody"):
        asked = {"permission": "view", "scope": "team:payments", "user": person}
        assert signed_in(demo.vera).get(reverse("api:access_why"), asked).status_code == 422
        assert signed_in(demo.vera).get(reverse("access_person", args=[person])).status_code == 404


def see(client: Client) -> tuple[int, int]:
    """The team's page, and the same through the API."""
    return (
        client.get(reverse("team", args=["payments"])).status_code,
        client.get(reverse("api:team", args=["payments"])).status_code,
    )


def test_a_role_that_is_taken_is_gone_at_the_next_request(demo):
    client = signed_in(demo.vera)
    assert see(client) == (200, 200)
    giving.dismiss(by=demo.ines, membership=Membership.objects.get(user=demo.vera))
    assert see(client) == (404, 404)


def test_a_grant_that_is_revoked_is_gone_at_the_next_request(demo):
    client, grant = signed_in(demo.olaf), granted(demo, demo.olaf)
    assert see(client) == (200, 200)
    giving.revoke(by=demo.ines, grant=grant)
    assert see(client) == (404, 404)


def test_a_grant_ends_by_itself_at_the_next_request(demo, monkeypatch):
    client = signed_in(demo.olaf)
    granted(demo, demo.olaf, ends_at=timezone.now() + timedelta(hours=1))
    assert see(client) == (200, 200)
    monkeypatch.setattr("policies.permissions.Now", lambda: Value(timezone.now() + timedelta(minutes=61)))
    monkeypatch.setattr("policies.written._written", written._written.__wrapped__)
    assert see(client) == (404, 404)


def test_a_denial_counts_at_the_next_request(demo):
    client = signed_in(demo.vera)
    assert see(client) == (200, 200)
    granted(demo, demo.vera, matter="view", effect="deny")
    assert see(client) == (404, 404)


def test_a_token_acts_no_longer_than_its_owner_may(demo):
    _, value = tokens.create(by=demo.vera, name="ci", scopes=["read"], days=1)
    client = bearer(value)
    assert client.get(reverse("api:team", args=["payments"])).status_code == 200
    giving.dismiss(by=demo.ines, membership=Membership.objects.get(user=demo.vera))
    assert client.get(reverse("api:team", args=["payments"])).status_code == 404
    tokens.revoke(by=demo.vera, token=ApiToken.objects.get())
    assert client.get(reverse("api:me")).status_code == 401


def test_an_account_that_is_closed_is_signed_out_at_the_next_request(demo):
    client = signed_in(demo.vera)
    _, value = tokens.create(by=demo.vera, name="ci", scopes=["read"], days=1)
    leaving.close(by=demo.pia, person=demo.vera, reason="New job.")
    assert client.get(reverse("home")).status_code == 302
    assert client.get(reverse("api:me")).status_code == 401
    assert bearer(value).get(reverse("api:me")).status_code == 401


def test_a_machine_signs_in_with_tokens_alone_and_never_signs(demo):
    bot = machines.create(by=demo.ines, team=demo.payments, name="deploy-bot", role="developer")
    _, value = machines.mint(by=demo.ines, machine=bot, name="ci", scopes=["read", "operate"], days=1)
    with context(by="system:test"):
        bot.set_password("A long enough password 1")
        bot.save()
    assert not Client().login(username=bot.username, password="A long enough password 1")
    assert signed_in(bot).get(reverse("home")).status_code == 302
    assert bearer(value).get(reverse("api:me")).status_code == 200
    waiting = made.awaiting(demo)
    body = {"digest": waiting.change_digest}
    answer = bearer(value).post(reverse("api:operation_approve", args=[waiting.pk]), body, "application/json")
    assert (answer.status_code, Signature.objects.count()) == (403, 0)


def test_only_a_token_with_its_scope_changes_access(demo):
    _, value = tokens.create(by=demo.ines, name="ci", scopes=["read", "operate"], days=1)
    body = {"user": "vera", "scope": "team:payments", "what": "developer", "reason": "Cover."}
    send = bearer(value).post(reverse("api:access_grants"), body, "application/json")
    assert (send.status_code, send.json()["rule"]) == (403, "auth.scope")
    _, value = tokens.create(by=demo.ines, name="admin", scopes=["access"], days=1)
    send = bearer(value).post(reverse("api:access_grants"), body, "application/json")
    assert (send.status_code, send.json()["what"]) == (201, "developer")
    assert AccessGrant.objects.get().user == demo.vera


def test_a_token_rotates_itself_and_no_other(demo):
    first, value = tokens.create(by=demo.mara, name="ci", scopes=["operate"], days=1)
    other, _ = tokens.create(by=demo.mara, name="other", scopes=["operate"], days=1)
    send = bearer(value).post(reverse("api:access_token_rotate", args=[other.pk]), {}, "application/json")
    assert (send.status_code, send.json()["rule"]) == (403, "token.itself")
    send = bearer(value).post(reverse("api:access_token_rotate", args=[first.pk]), {}, "application/json")
    assert send.status_code == 201
    assert bearer(send.json()["value"]).get(reverse("api:me")).status_code == 403
    assert tokens.find(send.json()["value"]).replaces == first


@pytest.fixture
def looking(demo):
    client = signed_in(demo.pia)
    answer = client.post(reverse("access_look", args=["mara"]), {"reason": "Ticket 7."})
    assert answer.status_code == 302
    return client


def test_a_look_shows_what_the_person_sees_under_a_banner(demo, looking):
    page = looking.get(reverse("home")).content.decode()
    assert "Pia looks as Mara." in page
    assert reverse("access_look_end") in page
    assert looking.get(reverse("api:me")).json()["username"] == "mara"
    assert looking.get(reverse("team", args=["reliability"])).status_code == 404
    looking.post(reverse("access_look_end"))
    assert "looks as" not in looking.get(reverse("home")).content.decode()
    assert looking.get(reverse("api:me")).json()["username"] == "pia"


def test_a_look_writes_nothing_whatever_it_tries(demo, looking):
    waiting, before = made.awaiting(demo), ApiToken.objects.count()
    for address in (
        reverse("tokens"),
        reverse("approval_decide", args=[waiting.pk]),
        reverse("operation_cancel", args=[waiting.pk]),
        reverse("secret_reveal", args=[waiting.environment.pk, "database"]),
        reverse("access_look", args=["vera"]),
        reverse("api:tokens"),
        reverse("api:operation_approve", args=[waiting.pk]),
        reverse("api:access_grants"),
    ):
        answer = looking.post(address)
        assert answer.status_code == 403
        assert "impersonation.read_only" in answer.content.decode()
    assert looking.get(reverse("history_export", args=["csv"])).status_code == 403
    waiting.refresh_from_db()
    assert (waiting.status, ApiToken.objects.count(), Signature.objects.count()) == ("awaiting_approval", before, 0)
    refused = AuditEvent.objects.filter(event="access.refused", data__rule="impersonation.read_only")
    assert {event.actor for event in refused} == {demo.pia.audit_ref}
    assert not AuditEvent.objects.filter(actor=demo.mara.audit_ref, event__contains="export").exists()


def test_a_look_ends_after_half_an_hour_and_with_the_right(demo, looking):
    begun = Impersonation.objects.get()
    with context(by="system:test"):
        Impersonation.objects.filter(pk=begun.pk).update(ended_at=timezone.now())
    assert looking.get(reverse("api:me")).json()["username"] == "pia"
    looking.post(reverse("access_look", args=["mara"]), {"reason": "Ticket 7."})
    assert looking.get(reverse("api:me")).json()["username"] == "mara"
    with context(by="system:test"):
        User.objects.filter(pk=demo.pia.pk).update(is_platform=False)
    assert looking.get(reverse("api:me")).json()["username"] == "pia"


def test_an_open_stream_ends_with_the_look(demo, looking):
    waiting = made.awaiting(demo)
    reader = Reader(demo.mara, waiting.pk, looking.session.session_key, 0)
    assert still_allowed(reader)
    looking.post(reverse("access_look_end"))
    assert not still_allowed(reader)


def test_signing_out_ends_the_look(demo, looking):
    looking.post(reverse("signout"))
    assert Impersonation.objects.get().ended_at is not None
    assert looking.get(reverse("home")).status_code == 302


def test_who_leaves_voids_what_they_signed_and_leaves_what_they_owned(demo):
    waiting = made.awaiting(demo)
    signed = {"subject": waiting.ref, "digest": waiting.change_digest, "team": demo.payments, "verdict": "approve"}
    with context(by="system:test"):
        Signature.objects.create(signer=demo.jonas, requester=demo.mara, owning=True, **signed)
    session = signed_in(demo.jonas)
    assert session.get(reverse("api:me")).status_code == 200
    assert farewell.leave(by=demo.pia, person=demo.jonas, reason="New job.")["signatures"] == 1
    assert Signature.objects.get().void_reason == "Jonas left."
    assert session.get(reverse("api:me")).status_code == 401
    assert not farewell.orphaned(demo.ines).exists()
    farewell.leave(by=demo.pia, person=demo.mara, reason="New job.")
    assert [each.name for each in farewell.orphaned(demo.ines)] == ["payments-api-prod"]
    assert "payments-api-prod" in signed_in(demo.ines).get(reverse("access_ownership")).content.decode()


def test_service_accounts_of_a_team_without_an_owner_are_listed(demo):
    bot = machines.create(by=demo.ines, team=demo.payments, name="deploy-bot", role="developer")
    assert not farewell.unowned_machines(demo.pia).exists()
    farewell.leave(by=demo.pia, person=demo.ines, reason="New job.")
    assert list(farewell.unowned_machines(demo.pia)) == [bot]
    assert list(farewell.unowned_machines(demo.olaf)) == []
    assert "payments-deploy-bot" in signed_in(demo.pia).get(reverse("access_ownership")).content.decode()


def test_an_orphan_is_handed_on_to_somebody_who_may_operate_it(demo):
    where = made.environment(demo)
    for by, to, rule in [(demo.vera, demo.ines, "role.manage_team"), (demo.ines, demo.vera, "transfer.operator")]:
        assert farewell.transfer(by=by, environment=where, to=to, reason="").rule == rule
    where.refresh_from_db()
    assert where.owner == demo.mara
    signed_in(demo.ines).post(reverse("access_transfer", args=[where.pk]), {"to": "ines"})
    where.refresh_from_db()
    assert where.owner == demo.ines
    assert AuditEvent.objects.get(event="environment.transferred").data == {"from": "Mara", "to": "Ines"}


def test_a_rule_that_nobody_can_satisfy_any_more_is_on_the_page(demo):
    assert [(each.team.slug, each.rule) for each in unsatisfied(demo.ines)] == []
    for person in (demo.jonas, demo.tomasz):
        granted(demo, person, matter="approve", effect="deny", where=None)
    found = unsatisfied(demo.ines)
    says = "Nobody can complete this: 2 signatures are needed, 1 from Payments, and 1 person may sign, 1 of them"
    assert [(each.rule, each.says) for each in found] == [("prod", f"{says} from Payments.")]
    assert says in signed_in(demo.ines).get(reverse("access")).content.decode()


def test_a_page_never_offers_more_than_the_person_may(demo):
    page = signed_in(demo.mara).get(reverse("access")).content.decode()
    assert reverse("access_grant") not in page
    assert Permission.MANAGE_ACCESS in page
    page = signed_in(demo.mara).get(reverse("access_person", args=["vera"])).content.decode()
    assert reverse("access_leave", args=["vera"]) not in page
    assert reverse("access_look", args=["vera"]) not in page


@pytest.mark.parametrize(("who", "offered"), [("pia", True), ("ines", True), ("vera", False)])
def test_the_end_of_a_grant_is_offered_to_those_who_may_end_it(demo, who, offered):
    grant = granted(demo, demo.olaf)
    page = signed_in(getattr(demo, who)).get("/access/").content.decode()
    assert (f"/access/grants/{grant.pk}/revoke/" in page) is offered
