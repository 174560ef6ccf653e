"""What was told to be secret is in no text, in none of its usual forms."""

import base64
import json
from urllib.parse import quote

import pytest

from provisioning.redaction import MASK, Redactor

CANARY = 'canary/"p4ss+wörd"'


@pytest.mark.parametrize(
    "form",
    [
        CANARY,
        CANARY.encode().hex(),
        base64.b64encode(CANARY.encode()).decode(),
        base64.urlsafe_b64encode(CANARY.encode()).decode(),
        base64.b64encode(b"user:" + CANARY.encode()).decode(),
        quote(CANARY, safe=""),
        json.dumps(CANARY)[1:-1],
    ],
)
def test_f9_a_known_secret_is_masked_in_every_form(form: str):
    text = Redactor([CANARY])(f"before {form} after")
    assert MASK in text
    assert form not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://u:hunter2x@host/db", f"postgresql://u:{MASK}@host/db"),
        ("token=abcdefgh rest", f"token={MASK} rest"),
        ("got hvs.CAESIJ1234567890abcdefgh", f"got {MASK}"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_f9_what_looks_like_a_credential_is_masked(text: str, expected: str):
    assert Redactor()(text) == expected


def test_a_log_line_holds_no_control_character():
    assert Redactor().lines("one\x1b[31m\n\n two\x00 \n") == ["one[31m", " two"]
