"""No form of a secret survives: plain, base64, hex, URL- and JSON-escaped, split, in a traceback."""

import base64
import json
import logging
import sys
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.redaction import MASK, RedactingFilter, Redactor

CANARY = 'p@ss/"w\\ö rd+9?~'
PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqh\r\nkiG9w0BAQEFAASC\n-----END KEY-----"


def forms(secret: str) -> dict[str, str]:
    raw = secret.encode()
    found = {
        "plain": secret,
        "hex": raw.hex(),
        "HEX": raw.hex().upper(),
        "quote": urllib.parse.quote(secret),
        "quote all": urllib.parse.quote(secret, safe=""),
        "quote plus": urllib.parse.quote_plus(secret),
        "quote lower": "".join(
            c if c.isalnum() and c.isascii() else "".join(f"%{b:02x}" for b in c.encode()) for c in secret
        ),
        "quote every": "".join(f"%{b:02X}" for b in raw),
        "json": json.dumps(secret)[1:-1],
        "json utf-8": json.dumps(secret, ensure_ascii=False)[1:-1],
        "json slash": json.dumps(secret)[1:-1].replace("/", "\\/"),
        "json twice": json.dumps(json.dumps(secret)[1:-1])[1:-1],
        "json every": "".join(f"\\u{ord(c):04x}" for c in secret if ord(c) < 0x10000),
        "repr": repr(secret)[1:-1],
    }
    for lead in range(3):
        for name, encode in (("b64", base64.b64encode), ("url64", base64.urlsafe_b64encode)):
            text = encode(b"x" * lead + raw + b"yz").decode()
            start = (0, 2, 3)[lead]
            found[f"{name} {lead}"] = text[start : start + (len(raw) * 8 - (0, 4, 2)[lead]) // 6]
    return {name: form for name, form in found.items() if form}


@pytest.mark.parametrize("name", sorted(forms(CANARY)))
def test_every_form_of_a_canary_is_masked(name):
    text = f"before {forms(CANARY)[name]} after"
    assert Redactor([CANARY])(text) == f"before {MASK} after"


@pytest.mark.parametrize("lead", range(6))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_inside_a_longer_base64_is_masked(lead, encode):
    text = encode(b"u" * lead + CANARY.encode() + b"!").decode()
    hidden = Redactor([CANARY])(text)
    for pad in range(4):
        for cut in range(4):
            piece = hidden.replace(MASK, "")[cut:] + "=" * pad
            assert CANARY.encode()[3:-3] not in _decoded(piece)
    assert MASK in hidden


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, altchars=b"-_")
    except ValueError:
        return b""


@settings(max_examples=150, deadline=None)
@given(
    st.text(
        st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cs", "Cc"]), min_size=8, max_size=24
    ),
    st.text("ab \n", max_size=4),
)
def test_no_form_of_any_secret_survives(secret, around):
    redactor = Redactor([secret])
    for name, form in forms(secret).items():
        hidden = redactor(f"{around}{form}{around}")
        assert form not in hidden, name
        assert MASK in hidden, name


def test_a_secret_of_several_lines_is_masked_whole_and_line_by_line():
    redactor = Redactor([PEM])
    assert redactor.lines(f"key: {PEM} end") == [f"key: {MASK} end"]
    for line in PEM.splitlines():
        assert redactor.lines(f"> {line}") == [f"> {MASK}"]


@pytest.mark.parametrize("hidden", ["\x00", "\x08", "\x1b", "\x7f", "\x9f", "\x0b", "\u2028"])
def test_a_control_character_inside_a_secret_does_not_hide_it(hidden):
    secret = "hunter2-hunter2"
    text = secret[:5] + hidden + secret[5:]
    lines = Redactor([secret]).lines(f"a {text} b")
    assert secret not in "".join(lines)


def test_a_secret_with_control_characters_is_masked_before_they_are_taken_out():
    secret = "abc\x01def\x1bghi"
    assert Redactor([secret]).lines(f"x {secret} y") == [f"x {MASK} y"]
    assert Redactor([secret]).lines("x abcdefghi y") == [f"x {MASK} y"]


def test_lines_lose_control_characters_and_empty_ones_are_dropped():
    assert Redactor().lines("a\x1b[31mb\x07\n\n  \r\nc\td\x00") == ["a[31mb", "c\td"]


def test_what_is_too_short_to_be_a_secret_is_left_alone():
    assert Redactor(["", "a", "abc"])("abc a") == "abc a"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("postgres://app:hunter2hunter2@db:5432/x", "postgres://app:●●●●●●●●@db:5432/x"),
        ("redis://:hunter2hunter2@cache/0", "redis://:●●●●●●●●@cache/0"),
        ("POSTGRES://app:hunter2@db", "POSTGRES://app:●●●●●●●●@db"),
        ("postgres://app:hunt@er2@db", "postgres://app:●●●●●●●●@db"),
        ("token hvs.CAESIJ0123456789abcdefghij end", "token ●●●●●●●● end"),
        ("{'password': 'hunter2 hunter2'}", "{'password': '●●●●●●●●'}"),
        ('{"password": "hunter2"}', '{"password": "●●●●●●●●"}'),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=●●●●●●●● psql"),
        ("DB_PASSWORD=hunter2", "DB_PASSWORD=●●●●●●●●"),
        ("password=hunter2, next=1", "password=●●●●●●●●, next=1"),
        ("client_secret: hunter2", "client_secret: ●●●●●●●●"),
        ("Authorization: Bearer hunter2hunter2", "Authorization: Bearer ●●●●●●●●"),
        ("berth_abcdefghijklmnopqrstuvwxyz0123456789abcdefg", "●●●●●●●●"),
        ("http://host:8080/path", "http://host:8080/path"),
        ("Step 3 of 5 is done", "Step 3 of 5 is done"),
    ],
)
def test_what_looks_like_a_credential_is_masked_unknown(text, kept):
    assert Redactor()(text) == kept
    assert Redactor()(kept) == kept


def _record(*args, exc_info=None, **extra) -> logging.LogRecord:
    return logging.LogRecord("x", logging.ERROR, __file__, 1, *args, exc_info, **extra)


def test_a_log_line_is_redacted_in_message_arguments_traceback_and_stack():
    dsn = "postgres://app:hunter2hunter2@db/x"
    try:
        raise RuntimeError(f"cannot reach {dsn}")
    except RuntimeError:
        record = _record("no %s", (dsn,), exc_info=sys.exc_info())
    record.stack_info = f"Stack: {dsn}"
    assert RedactingFilter().filter(record) is True
    text = logging.Formatter("%(message)s").format(record)
    assert "hunter2" not in text
    assert "RuntimeError" in text
    assert record.exc_info is None


def test_a_log_line_whose_arguments_do_not_fit_is_kept_and_raises_nothing():
    record = _record("%d of %s", ("password=hunter2",))
    assert RedactingFilter().filter(record) is True
    assert "hunter2" not in logging.Formatter().format(record)
