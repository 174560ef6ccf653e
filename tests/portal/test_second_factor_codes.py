"""Codes of an app and recovery codes through the pages: enrolled, entered once, limited, never in clear."""

import base64
import zlib
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.urls import reverse

from audit.models import AuditEvent
from policies.models import FactorTries, Purpose
from portal.second_factor import codes
from portal.second_factor.entering import enter as enter_code
from provisioning.vault_errors import VaultUnavailable
from tests.hostile import together
from tests.policies.test_tokens import dump
from tests.portal.second_factor_pages import code_at, enter, secure, shown_seed, with_app
from tests.portal.visitors import signed_in
from tests.second_factors import required

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, 0, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as travelling:
        yield travelling


@pytest.fixture
def mara(demo):
    return secure(demo.mara)


def later(clock, **more):
    """The next moment at which the app shows another code."""
    clock.shift(timedelta(**(more or {"seconds": 60})))


def now() -> float:
    return datetime.now(UTC).timestamp()


def test_an_app_is_enrolled_by_its_code_and_brings_ten_recovery_codes(demo, mara):
    seed, shown = with_app(mara, now())
    assert len(set(shown)) == 10
    assert sorted(Authenticator.objects.values_list("user", "type")) == [
        (demo.mara.pk, "recovery_codes"),
        (demo.mara.pk, "totp"),
    ]
    assert AuditEvent.objects.get(event="factor.enrolled").data["method"] == "totp"
    assert len(seed) == 32


def test_a_wrong_code_enrols_nothing_and_the_picture_stays(demo, mara):
    seed = shown_seed(mara)
    answer = mara.post(reverse("security_app"), {"code": "000000"})
    assert answer.status_code == 422
    assert "This code does not fit the picture." in answer.content.decode()
    assert shown_seed(mara) == seed
    assert not Authenticator.objects.exists()


def test_seeds_and_recovery_codes_are_nowhere_in_clear(demo, mara):
    pending = shown_seed(mara)
    seed, shown = with_app(mara, now())
    assert pending == seed
    kept = dump() + "".join(_session_text(row) for row in Session.objects.all())
    bare = [code.replace("-", "") for code in shown]
    for secret in (seed, base64.b32decode(seed).hex(), *shown, *bare):
        assert secret not in kept
    assert Authenticator.objects.get(type="totp").data["secret"].startswith("vault:v1:")
    rows = AuditEvent.objects.filter(event="factor.inserted")
    assert {row.after["data"] for row in rows} == {"•••"}


def _session_text(row) -> str:
    """What a session holds, unpacked; it is signed, not encrypted."""
    payload = row.session_data.split(":")[0]
    packed = base64.urlsafe_b64decode(payload.lstrip(".") + "===")
    return (zlib.decompress(packed) if payload.startswith(".") else packed).decode()


def test_a_seed_copied_to_another_person_cannot_be_read(demo, mara):
    with_app(mara, now())
    data = Authenticator.objects.get(type="totp").data["secret"]
    with pytest.raises(Exception, match="Vault refused transit"):
        codes.seed_text(demo.jonas, data)


def test_a_right_code_is_a_proof_for_this_session_only_and_the_session_key_changes(demo, mara, clock):
    seed, _ = with_app(mara, now())
    before = mara.cookies["berth_session"].value
    later(clock)
    answer = enter(mara, code_at(seed, now()), factor_next="/inbox/")
    assert (answer.status_code, answer["Location"]) == (302, "/inbox/")
    assert mara.cookies["berth_session"].value != before
    assert mara.session["second_factor"]["at"] == datetime.now(UTC).isoformat()
    assert "second_factor" not in signed_in(demo.mara).session
    assert AuditEvent.objects.get(event="factor.entered").data["method"] == "totp"


def test_the_code_that_enrolled_and_the_code_that_was_entered_count_no_second_time(demo, mara, clock):
    seed, _ = with_app(mara, now())
    assert enter(mara, code_at(seed, now())).status_code == 403
    later(clock)
    code = code_at(seed, now())
    assert enter(mara, code).status_code == 302
    assert enter(mara, code).status_code == 403
    assert enter(mara, code_at(seed, now() - 30)).status_code == 403


@pytest.mark.parametrize(("skew", "status"), [(-61, 403), (-30, 302), (0, 302), (30, 302), (61, 403)])
def test_a_clock_may_be_one_step_off_and_no_more(demo, mara, clock, skew, status):
    seed, _ = with_app(mara, now())
    later(clock, minutes=10)
    assert enter(mara, code_at(seed, now() + skew)).status_code == status


@pytest.mark.parametrize("typed", ["12345", "1234567", "abcdef", "١٢٣٤٥٦", "9" * 500])
def test_what_is_no_code_is_refused_and_counted(demo, mara, typed):
    with_app(mara, now())
    assert enter(mara, typed).status_code == 403
    assert len(FactorTries.objects.get(user=demo.mara).wrong_at) == 1


def test_a_code_with_what_cannot_be_kept_is_refused_before_it_is_tried(demo, mara, clock):
    seed, _ = with_app(mara, now())
    later(clock)
    assert enter(mara, f"{code_at(seed, now())}\x00").status_code == 422
    assert FactorTries.objects.get(user=demo.mara).wrong_at == []
    assert enter(mara, code_at(seed, now())).status_code == 302


def test_after_five_wrong_codes_even_the_right_one_waits_five_minutes(demo, mara, clock):
    seed, _ = with_app(mara, now())
    later(clock)
    for _ in range(5):
        enter(mara, "000000")
    answer = enter(mara, code_at(seed, now()))
    assert answer.status_code == 429
    assert "5 wrong codes within 5 minutes. Wait until 12:06:10" in answer.content.decode()
    later(clock, minutes=4, seconds=59)
    assert enter(mara, code_at(seed, now())).status_code == 429
    later(clock, seconds=1)
    assert enter(mara, code_at(seed, now())).status_code == 302
    assert AuditEvent.objects.filter(event="factor.wrong").count() == 5


def test_anothers_wrong_codes_lock_nobody_else(demo, mara, clock):
    seed, _ = with_app(mara, now())
    jonas = secure(demo.jonas)
    for _ in range(6):
        enter(jonas, "000000")
    later(clock)
    assert enter(mara, code_at(seed, now())).status_code == 302


def test_a_recovery_code_works_once_with_or_without_its_hyphen(demo, mara):
    _, shown = with_app(mara, now())
    assert enter(mara, shown[3]).status_code == 302
    assert enter(mara, shown[3].replace("-", "")).status_code == 403
    assert enter(mara, shown[4].replace("-", " ")).status_code == 302
    assert codes.left(Authenticator.objects.get(type="recovery_codes")) == 8


def test_new_recovery_codes_end_the_earlier_ones(demo, mara):
    _, shown = with_app(mara, now())
    answer = mara.post(reverse("security_recovery"))
    assert answer.status_code == 200
    assert "The earlier ones have ended." in answer.content.decode()
    assert "berth-recovery-codes.txt" in answer.content.decode()
    assert enter(mara, shown[0]).status_code == 403


def test_new_recovery_codes_need_a_fresh_factor_which_is_asked_for(demo, mara, clock):
    with_app(mara, now())
    later(clock, minutes=15)
    answer = mara.post(reverse("security_recovery"))
    assert answer.status_code == 403
    assert "Making recovery codes needs a second factor" in answer.content.decode()
    assert not AuditEvent.objects.filter(event="factor.codes_made").exists()


def test_without_vault_nobody_gets_past_a_rule_and_signing_in_still_works(demo, mara, clock, monkeypatch):
    seed, shown = with_app(mara, now())
    required(Purpose.MINT_TOKEN)
    later(clock, minutes=20)

    def sealed(*_args, **_more):
        raise VaultUnavailable("Vault does not answer (VaultDown)")

    monkeypatch.setattr("provisioning.vault.Vault._call", sealed)
    for code in (code_at(seed, now()), shown[0]):
        answer = enter(mara, code)
        assert answer.status_code == 503
        assert "Vault, which keeps their seeds, is sealed or does not answer." in answer.content.decode()
    assert mara.post(reverse("tokens"), {"name": "ci", "scopes": ["read"], "days": "30"}).status_code == 403
    assert not demo.mara.tokens.exists()
    assert FactorTries.objects.get(user=demo.mara).wrong_at == []
    assert signed_in(demo.jonas).get(reverse("home")).status_code == 200
    assert secure(demo.jonas).get(reverse("security_app")).status_code == 503


def test_a_code_of_somebody_else_proves_nothing(demo, mara, clock):
    seed, _ = with_app(mara, now())
    later(clock)
    assert enter_code(by=demo.jonas, typed=code_at(seed, now())).rule == "factor.code"


@pytest.mark.django_db(transaction=True)
def test_of_many_who_send_one_code_at_once_exactly_one_gets_in(demo, clock):
    mara = secure(demo.mara)
    seed, _ = with_app(mara, now())
    later(clock)
    code = code_at(seed, now())
    answers = together(*[lambda: enter_code(by=demo.mara, typed=code)] * 4)
    assert sorted(type(answer).__name__ for answer in answers) == ["Denied", "Denied", "Denied", "Proof"]
    assert AuditEvent.objects.filter(event="factor.entered").count() == 1


@pytest.mark.django_db(transaction=True)
def test_wrong_codes_at_once_are_all_counted_and_no_sixth_is_looked_at(demo, clock):
    secure(demo.mara)
    answers = together(*[lambda: enter_code(by=demo.mara, typed="000000")] * 8)
    assert sorted(answer.status for answer in answers) == [403] * 5 + [429] * 3
    assert AuditEvent.objects.filter(event="factor.wrong").count() == 5
