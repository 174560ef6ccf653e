"""A browser of one person with an authenticator app or a software key, through the portal's own pages."""

import html
import json
import re
from typing import Any

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from django.urls import reverse

from policies.models import User
from tests.portal.visitors import signed_in
from tests.software_key import SoftwareKey


def secure(user: User) -> Client:
    """A browser at https://testserver, where keys are offered."""
    client = signed_in(user)
    client.defaults["HTTP_X_FORWARDED_PROTO"] = "https"
    return client


def shown_seed(client: Client) -> str:
    """The secret on the page of a new app."""
    text = client.get(reverse("security_app")).content.decode()
    found = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', text)
    assert found, text
    return found[1].replace(" ", "")


def code_at(seed: str, seconds: float) -> str:
    """What an app with this seed shows at this time (RFC 6238)."""
    return format_hotp_value(hotp_value(seed, int(seconds) // 30))


def with_app(client: Client, now: float) -> tuple[str, list[str]]:
    """Enrol an app; its seed and the recovery codes that were shown."""
    seed = shown_seed(client)
    answer = client.post(reverse("security_app"), {"code": code_at(seed, now)})
    assert answer.status_code == 200, answer.content
    return seed, re.findall(r"<li><code>([0-9-]+)</code></li>", answer.content.decode())


def options_on(text: str) -> dict[str, Any]:
    """What the page hands to the browser's keys."""
    found = re.search(r'data-options="([^"]+)"', text)
    assert found, text
    return dict(json.loads(html.unescape(found[1])))


def with_key(client: Client, key: SoftwareKey | None = None, name: str = "Blue key") -> SoftwareKey:
    """Register a software key."""
    key = key or SoftwareKey()
    options = options_on(client.get(reverse("security_key")).content.decode())
    answer = client.post(reverse("security_key"), {"name": name, "factor_credential": key.made(options)})
    assert answer.status_code in (200, 302), answer.content
    return key


def enter(client: Client, code: str, **more: str) -> Any:
    return client.post(reverse("second_factor"), {"factor_code": code, **more})


def enter_key(client: Client, key: SoftwareKey, **more: str) -> Any:
    options = options_on(client.get(reverse("second_factor")).content.decode())
    return client.post(reverse("second_factor"), {"factor_credential": key.used(options), **more})
