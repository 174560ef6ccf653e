"""Every route of the portal, and what each persona gets there. An address that is not listed fails the test.

A row is one route and method: its URL keyword arguments, the body, and the status by persona. `usual` is for
everybody who is not named. Pages add rows the same way (`api=False` sends a form).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PERSONAS = ("anonymous", "vera", "mara", "jonas", "ines", "tomasz", "ana", "pia", "olaf")
World = Any


def no_kwargs(world: World) -> dict[str, Any]:
    return {}


def nothing(world: World) -> dict[str, Any]:
    return {}


def of(name: str) -> Callable[[World], dict[str, Any]]:
    """`pk` of the thing of this name in the matrix's world."""
    return lambda world: {"pk": getattr(world, name).pk}


def slug(value: str) -> Callable[[World], dict[str, Any]]:
    return lambda world: {"slug": value}


@dataclass(frozen=True)
class Row:
    """One route and method."""

    route: str
    usual: int
    method: str = "GET"
    kwargs: Callable[[World], dict[str, Any]] = no_kwargs
    body: Callable[[World], dict[str, Any]] = nothing
    query: str = ""
    api: bool = True
    but: dict[str, int] = field(default_factory=dict)

    def expected(self, persona: str) -> int:
        return self.but.get(persona, self.usual)


ANON = {"anonymous": 401}
# Payments' things: Tomasz and Olaf see none of them; Tomasz sees what he is asked to sign.
OURS = {**ANON, "tomasz": 404, "olaf": 404}
ASKED_TO_SIGN = {**ANON, "olaf": 404}
READERS = {**ANON, "vera": 403, "jonas": 403, "ana": 403, "pia": 403}
OPERATORS = {**READERS, "tomasz": 404, "olaf": 404}

HEALTH = [
    Row("healthz", 200, api=False),
    Row("readyz", 503, api=False),
]

API = [
    Row("api:schema", 200),
    Row("api:docs", 200, api=False),
    Row("api:nothing", 404, kwargs=lambda world: {"rest": "v2/"}),
    Row("api:me", 200, but=ANON),
    Row("api:tokens", 200, but=ANON),
    Row("api:tokens", 201, "POST", body=lambda w: {"name": "ci", "scopes": ["read"], "days": 1}, but=ANON),
    Row("api:token", 404, "DELETE", of("token"), but={**ANON, "mara": 204}),
    Row("api:operations", 200, but=ANON),
    Row(
        "api:operations",
        403,
        "POST",
        body=lambda world: {"kind": "suspend", "environment": str(world.environment.pk)},
        but={**ANON, "mara": 201, "ines": 201, "tomasz": 422, "olaf": 422},
    ),
    Row(
        "api:operation_preview",
        200,
        "POST",
        body=lambda w: {"service": "payments-api", "template": "web-service", "name": "payments-x", "tier": "dev"},
        but={**ANON, "tomasz": 422, "olaf": 422},
    ),
    Row("api:operation", 200, kwargs=of("awaiting"), but=ASKED_TO_SIGN),
    Row(
        "api:operation_approve",
        403,
        "POST",
        of("awaiting"),
        lambda world: {"digest": world.awaiting.change_digest},
        but={**ASKED_TO_SIGN, "jonas": 200, "ines": 200, "tomasz": 200},
    ),
    Row(
        "api:operation_reject",
        403,
        "POST",
        of("awaiting"),
        lambda world: {"digest": world.awaiting.change_digest, "reason": "Too large."},
        but={**ASKED_TO_SIGN, "jonas": 200, "ines": 200, "tomasz": 200},
    ),
    Row(
        "api:operation_cancel",
        403,
        "POST",
        of("awaiting"),
        but={**ASKED_TO_SIGN, "mara": 200, "ines": 200},
    ),
    Row("api:operation_retry", 404, "POST", of("failed"), but={**READERS, "mara": 200, "ines": 200}),
    Row("api:operation_log", 200, kwargs=of("failed"), but=OURS),
    Row("api:operation_decisions", 200, kwargs=of("failed"), but=OURS),
    Row("api:operation_signatures", 200, kwargs=of("awaiting"), but=ASKED_TO_SIGN),
    Row("api:environments", 200, but=ANON),
    Row("api:environment", 200, kwargs=of("environment"), but=OURS),
    Row(
        "api:environment_extend",
        200,
        "POST",
        of("environment"),
        lambda world: {"hours": 1},
        but=OPERATORS,
    ),
    Row("api:environment_secrets", 200, kwargs=of("environment"), but=OURS),
    Row(
        "api:secret_reveal",
        404,
        "POST",
        lambda world: {"pk": world.environment.pk, "name": "nothing"},
        lambda world: {"reason": "To look at it."},
        but=READERS,
    ),
    Row("api:services", 200, but=ANON),
    Row("api:teams", 200, but=ANON),
    Row("api:team", 200, kwargs=slug("payments"), but=OURS),
    Row("api:templates", 200, but=ANON),
    Row("api:template", 200, kwargs=slug("web-service"), but=ANON),
    Row("api:template_versions", 200, kwargs=slug("web-service"), but=ANON),
    Row("api:releases", 200, but=ANON),
    Row(
        "api:releases",
        403,
        "POST",
        body=lambda world: {"service": "payments-api", "version": "2.0.0"},
        but={**ANON, "mara": 201, "ines": 201, "tomasz": 422, "olaf": 422},
    ),
    Row("api:pipeline", 200, kwargs=slug("payments-api"), but=OURS),
    Row("api:inbox", 200, but=ANON),
    Row("api:history", 200, but=ANON),
    Row("api:history_export", 200, query="?format=csv", but={**ANON, "pia": 403, "olaf": 403}),
]

# Pages: who is not signed in is sent to the sign-in page.
OUT = {"anonymous": 302}
PAGE_OURS = {**OUT, "tomasz": 404, "olaf": 404}
PAGE_READERS = {**OUT, "vera": 403, "jonas": 403, "ana": 403, "pia": 403}
PAGE_OPERATORS = {**PAGE_READERS, "tomasz": 404, "olaf": 404}

PEOPLE = [
    Row("home", 200, api=False, but=OUT),
    Row("signin", 302, api=False, but={"anonymous": 200}),
    Row("signin_demo", 404, "POST", api=False),
    Row("signin_link", 200, kwargs=lambda world: {"value": "unknown"}, api=False),
    Row("signin_link", 410, "POST", lambda world: {"value": "unknown"}, api=False),
    Row("signout", 302, "POST", api=False),
    Row("team_switch", 302, "POST", body=lambda world: {"team": "payments"}, api=False, but=PAGE_OURS),
    Row("teams", 200, api=False, but=OUT),
    Row("team", 200, kwargs=slug("payments"), api=False, but=PAGE_OURS),
    Row("settings_page", 200, api=False, but=OUT),
    Row("tokens", 200, api=False, but=OUT),
    Row("token_revoke", 404, "POST", of("token"), api=False, but={**OUT, "mara": 302}),
    Row("shortcuts", 200, api=False, but=OUT),
]

CATALOGUE = [
    Row("catalogue", 200, api=False, but=OUT),
    Row("template", 200, kwargs=slug("web-service"), api=False, but=OUT),
    Row("request", 200, kwargs=slug("web-service"), api=False, but=OUT),
    Row("request_preview", 200, "POST", slug("web-service"), api=False, but=OUT),
]

ENVIRONMENTS = [
    Row("environments", 200, api=False, but=OUT),
    Row("environment", 200, kwargs=of("environment"), api=False, but=PAGE_OURS),
    Row(
        "environment_tab",
        200,
        kwargs=lambda world: {"pk": world.environment.pk, "tab": "settings"},
        api=False,
        but=PAGE_OURS,
    ),
    Row(
        "environment_ask",
        302,
        "POST",
        lambda world: {"pk": world.environment.pk, "kind": "suspend"},
        api=False,
        but=PAGE_OPERATORS,
    ),
    Row("environment_extend", 302, "POST", of("environment"), api=False, but=PAGE_OPERATORS),
    Row(
        "secret_reveal",
        404,
        "POST",
        lambda world: {"pk": world.environment.pk, "name": "nothing"},
        lambda world: {"reason": "To look at it."},
        api=False,
        but=PAGE_READERS,
    ),
]

ROWS: list[Row] = [*HEALTH, *API, *PEOPLE, *CATALOGUE, *ENVIRONMENTS]
