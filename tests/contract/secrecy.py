"""In which forms a secret may hide in a text. Written apart from the product's own redaction, which it checks."""

import base64
import html
import json
from urllib.parse import quote, quote_plus


def forms(value: str) -> set[str]:
    """Plain, base64 at any offset, hex, URL-, JSON- and HTML-escaped."""
    raw = value.encode()
    found = {value, raw.hex(), raw.hex().upper(), quote(value, safe=""), quote_plus(value), html.escape(value)}
    found |= {json.dumps(value)[1:-1], json.dumps(json.dumps(value))[3:-3], repr(value)[1:-1]}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for lead in range(3):
            text = encode(b"\0" * lead + raw).decode()
            found.add(text[4 if lead else 0 : len(text.rstrip("=")) // 4 * 4 - 4])
    return {form for form in found if len(form) >= 6}
