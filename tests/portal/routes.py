"""Every route of the portal, and what each persona gets there. An address that is not listed fails the test.

A row is one route and method: its URL keyword arguments, the body, and the status by persona. `usual` is for
everybody who is not named. Pages add rows the same way (`api=False` sends a form).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from tests.portal import approval_rows, window_rows

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
    committed: bool = False  # It reads in a thread of its own, which sees only what is committed.
    but: dict[str, int] = field(default_factory=dict)

    def expected(self, persona: str) -> int:
        return self.but.get(persona, self.usual)


ANON = {"anonymous": 401}
# Payments' things: Tomasz and Olaf see none of them; Tomasz sees what he is asked to sign.
OURS = {**ANON, "tomasz": 404, "olaf": 404}
ASKED_TO_SIGN = {**ANON, "olaf": 404}
READERS = {**ANON, "vera": 403, "jonas": 403, "ana": 403, "pia": 403}
OPERATORS = {**READERS, "tomasz": 404, "olaf": 404}

SIGNERS = {**ASKED_TO_SIGN, "jonas": 200, "ines": 200, "tomasz": 200}


def question(world: World) -> dict[str, Any]:
    return {"digest": world.awaiting.change_digest, "text": "Who is on call?"}


def words(world: World) -> dict[str, Any]:
    return {"text": "It is a trial."}


# Payments, named in a body: who does not see the team is told that there is none.
UNSEEN = {**ANON, "tomasz": 422, "olaf": 422}
BUDGET = {"team": "payments", "amount": "100.00", "currency": "EUR"}
QUOTA = {"where": "team:payments", "metric": "vcpu", "limit": "9"}
WAIVER = {"rule": "env.ttl_maximum", "scope": "team:payments", "reason": "An audit.", "days": 30}
NOT_THEIRS = {"tomasz": 422, "olaf": 422}
BECAUSE = {"reason": "It is time."}

REGION_RULE = {"slug": "region", "title": "In Europe", "parameter": "region", "values": "eu-1", "keep": "1"}
TARGET = {"slug": "us-1", "driver": "noop", "name": "United States"}

HEALTH = [
    Row("healthz", 200, api=False),
    Row("readyz", 503, api=False),
]

# A cluster calls these, by a token that is nobody's of the matrix.
WEBHOOKS = [
    Row("webhook_admission", 401, "POST", slug("eu-1")),
    Row("webhook_admission_by_address", 401, "POST", lambda world: {"slug": "eu-1", "token": "wrong"}),
]

API = [
    Row("api:schema", 200),
    Row("api:docs", 200, api=False),
    Row("api:nothing", 404, kwargs=lambda world: {"rest": "v2/"}),
    Row("api:me", 200, but=ANON),
    Row("api:tokens", 200, but=ANON),
    Row("api:tokens", 201, "POST", body=lambda w: {"name": "ci", "scopes": ["read"], "days": 1}, but=ANON),
    Row("api:token", 404, "DELETE", of("token"), but={**ANON, "mara": 204}),
    Row("api:factors", 200, but=ANON),
    Row("api:factor", 404, "DELETE", of("factor"), but={**ANON, "mara": 403}),
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
    Row("api:operation_ask", 403, "POST", of("awaiting"), question, but=SIGNERS),
    Row("api:operation_send_back", 403, "POST", of("awaiting"), question, but=SIGNERS),
    Row("api:operation_answer", 403, "POST", of("held"), words, but={**ASKED_TO_SIGN, "mara": 200}),
    Row("api:operation_resume", 403, "POST", of("held"), but=SIGNERS),
    Row(
        "api:operation_edit",
        403,
        "POST",
        of("held"),
        lambda world: {"parameters": {"size": "M"}},
        but={**ASKED_TO_SIGN, "mara": 200},
    ),
    Row("api:operation_comments", 200, kwargs=of("held"), but=ASKED_TO_SIGN),
    Row("api:operation_comments", 201, "POST", of("held"), words, but=ASKED_TO_SIGN),
    Row("api:operation_holds", 200, kwargs=of("held"), but=ASKED_TO_SIGN),
    Row(
        "api:inbox_approve",
        200,
        "POST",
        body=lambda world: {"plans": [{"operation": str(world.awaiting.pk), "digest": world.awaiting.change_digest}]},
        but={**ANON, "olaf": 422},
    ),
    Row("api:operation_retry", 404, "POST", of("failed"), but={**READERS, "mara": 200, "ines": 200}),
    Row(
        "api:operation_force_cancel",
        404,
        "POST",
        of("forced"),
        lambda world: {"reason": "It hangs."},
        but={**READERS, "mara": 200, "ines": 200, "pia": 200},
    ),
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
    Row(
        "api:environment_lifetime",
        200,
        "POST",
        of("environment"),
        lambda world: {"expires_at": (timezone.now() + timedelta(hours=2)).isoformat()},
        but=OPERATORS,
    ),
    Row("api:environment_check", 200, "POST", of("ready"), but=OURS),
    Row(
        "api:environment_delete_record",
        403,
        "POST",
        of("environment"),
        lambda world: {"reason": "Its cluster is gone."},
        but={**OURS, "ines": 409, "pia": 409},
    ),
    Row("api:orphans", 200, but=ANON),
    Row("api:orphan_retry", 403, "POST", of("orphan"), but={**OURS, "mara": 200, "ines": 200, "pia": 200}),
    Row(
        "api:orphan_removed",
        403,
        "POST",
        of("orphan"),
        lambda world: {"reason": "Dropped by hand."},
        but={**OURS, "mara": 200, "ines": 200, "pia": 200},
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
    Row("api:environment_state", 404, kwargs=of("environment"), but=ANON),
    Row(
        "api:environment_unlock",
        403,
        "POST",
        of("environment"),
        lambda world: {"reason": "The machine is gone."},
        but={**READERS, "ines": 409, "pia": 409, "tomasz": 404, "olaf": 404},
    ),
    Row("api:terraform_state", 401, kwargs=of("environment")),
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
    Row("api:quotas", 200, but=ANON),
    Row(
        "api:quotas",
        403,
        "PUT",
        body=lambda world: {"team": "payments", "metric": "vcpu", "limit": "9"},
        but={**UNSEEN, "pia": 200},
    ),
    Row(
        "api:quota_preview",
        403,
        "POST",
        body=lambda world: {"team": "payments", "metric": "vcpu", "limit": "9"},
        but={**UNSEEN, "pia": 200},
    ),
    Row("api:quota", 200, kwargs=of("quota"), but=OURS),
    Row("api:quota", 403, "DELETE", of("quota"), lambda world: {"reason": "Not needed."}, but={**OURS, "pia": 204}),
    Row("api:budgets", 200, but=ANON),
    Row("api:budgets", 403, "PUT", body=lambda world: BUDGET, but={**UNSEEN, "pia": 200}),
    Row("api:budget_preview", 403, "POST", body=lambda world: BUDGET, but={**UNSEEN, "pia": 200}),
    Row("api:budget", 200, kwargs=of("budget"), but=OURS),
    Row("api:budget", 403, "DELETE", of("budget"), lambda world: {"reason": "Not needed."}, but={**OURS, "pia": 204}),
    Row("api:pipeline", 200, kwargs=slug("payments-api"), but=OURS),
    Row("api:inbox", 200, but=ANON),
    Row("api:history", 200, but=ANON),
    Row("api:inventory", 200, but=ANON),
    Row(
        "api:inventory_imports",
        403,
        "POST",
        body=lambda world: {"source": "csv", "name": "list.csv", "text": "driver,kind,address,id\n"},
        but={**ANON, "pia": 201},
    ),
    Row("api:inventory_scan", 422, "POST", body=lambda world: {"target": "nowhere"}, but=ANON),
    Row(
        "api:inventory_assign",
        403,
        "POST",
        body=lambda world: {"items": [str(world.item.pk)], "team": "payments"},
        but={**ANON, "pia": 200, "tomasz": 422, "olaf": 422},
    ),
    Row(
        "api:inventory_adopt",
        403,
        "POST",
        body=lambda world: {
            "items": [str(world.item.pk)],
            "service": "payments-api",
            "template": "web-service",
            "name": "payments-adopted",
            "tier": "dev",
        },
        but={**ANON, "mara": 201, "ines": 201, "tomasz": 422, "olaf": 422},
    ),
    Row("api:policy_bundles", 200, but=ANON),
    Row("api:policy_bundles", 403, "POST", but={**ANON, "pia": 201}),
    Row("api:policy_bundle", 200, kwargs=of("bundle"), but=ANON),
    Row("api:policy_bundle_act", 403, "POST", of("draft"), lambda w: {"act": "shadow"}, but={**ANON, "pia": 200}),
    Row("api:policy_decisions", 200, but=ANON),
    Row("api:policy_check", 422, "POST", body=lambda w: {"kind": "terraform", "document": "{}"}, but=ANON),
    Row("api:pools", 200, but=ANON),
    Row(
        "api:pools",
        403,
        "POST",
        body=lambda world: {
            "template": "web-service",
            "service": "payments-api",
            "tier": "test",
            "size": 1,
            "budget": "20",
        },
        but={**ANON, "pia": 201, "tomasz": 422, "olaf": 422},
    ),
    Row("api:pool_size", 403, "POST", of("pool"), lambda world: {"size": 0}, but={**OURS, "pia": 200}),
    Row("api:sources", 200, but=ANON),
    Row(
        "api:sources",
        403,
        "POST",
        body=lambda world: {"slug": "more", "url": "https://git.test.invalid/catalogue.git"},
        but={**ANON, "pia": 201},
    ),
    Row("api:source_sync", 403, "POST", slug("test"), but={**ANON, "pia": 202}),
    Row("api:waivers", 200, but=ANON),
    Row("api:waivers", 403, "POST", body=lambda w: WAIVER, but={**ANON, "mara": 201, "ines": 201, **NOT_THEIRS}),
    Row("api:waiver", 200, kwargs=of("waiver"), but=OURS),
    Row("api:waiver_grant", 403, "POST", of("waiver"), lambda w: BECAUSE, but={**OURS, "pia": 200}),
    Row("api:waiver_refuse", 403, "POST", of("waiver"), lambda w: BECAUSE, but={**OURS, "pia": 200}),
    Row("api:waiver_withdraw", 403, "POST", of("waiver"), lambda w: BECAUSE, but={**OURS, "mara": 200}),
    Row("api:queue", 200, but=ANON),
    Row("api:targets", 200, but=ANON),
    Row("api:targets", 403, "POST", body=lambda world: TARGET, but={**ANON, "pia": 201}),
    Row("api:target", 200, kwargs=slug("eu-1"), but=ANON),
    Row("api:target", 403, "PUT", slug("eu-1"), lambda world: {"name": "Europe"}, but={**ANON, "pia": 200}),
    Row("api:target_check", 403, "POST", slug("eu-1"), but={**ANON, "pia": 202}),
    Row("api:target_credentials", 403, "PUT", slug("eu-1"), lambda w: {"values": {}}, but={**ANON, "pia": 422}),
    Row("api:target_retire", 403, "POST", slug("eu-1"), but={**ANON, "pia": 200}),
    Row("api:history_export", 200, query="?format=csv", but={**ANON, "pia": 403, "olaf": 403}),
]


def page(route: str, usual: int = 200, kwargs: Callable[[World], dict[str, Any]] = no_kwargs, **more: Any) -> Row:
    """A page: nobody is sent to sign in."""
    but = {"anonymous": 302, **more.pop("but", {})}
    return Row(route, usual, kwargs=kwargs, api=False, but=but, **more)


def form(route: str, usual: int, kwargs: Callable[[World], dict[str, Any]] = no_kwargs, **more: Any) -> Row:
    """A form of a page."""
    return page(route, usual, kwargs, method="POST", **more)


HIDDEN = {"tomasz": 404, "olaf": 404}
PAGES = [
    page("home"),
    page("signin", 302, but={"anonymous": 200}),
    page("signin_demo", 405, but={"anonymous": 405}),
    page("signin_link", 200, lambda world: {"value": "unknown"}, but={"anonymous": 200}),
    form("signout", 302),
    form("team_switch", 302),
    page("teams"),
    page("team", 200, slug("payments"), but=HIDDEN),
    page("settings_page"),
    page("tokens"),
    form("token_rotate", 404, of("token"), but={"mara": 200}),
    form("token_revoke", 404, of("token"), but={"mara": 302}),
    page("security"),
    page("security_app", but={"mara": 302}),
    page("security_key", but={"mara": 302}),
    form("security_recovery", 403),
    form("security_told", 302),
    form("factor_remove", 404, of("factor"), but={"mara": 403}),
    page("second_factor"),
    page("factor_rules"),
    form("factor_rules", 403, body=lambda world: {"purpose": "reveal", "minutes": "15"}, but={"pia": 302}),
    page("factor_people", 403, but={"pia": 200}),
    form(
        "factor_reset",
        403,
        lambda world: {"pk": world.factor.user_id},
        body=lambda world: {"reason": "Lost it."},
        but={"pia": 302},
    ),
    page("shortcuts"),
    page("search"),
    page("catalogue"),
    page("template", 200, slug("web-service")),
    page("request", 200, slug("web-service")),
    form("request_preview", 200, slug("web-service")),
    page("inventory"),
    page("inventory_export"),
    form("inventory_import", 403, body=lambda world: {"source": "csv", "text": "x"}, but={"pia": 302}),
    form(
        "inventory_assign",
        403,
        body=lambda world: {"item": str(world.item.pk), "team": "payments"},
        but={"pia": 302, **HIDDEN},
    ),
    form(
        "inventory_adopt",
        403,
        body=lambda world: {
            "item": str(world.item.pk),
            "service": "payments-api",
            "template": "web-service",
            "name": "payments-adopted",
            "tier": "dev",
        },
        but={"mara": 302, "ines": 302, **HIDDEN},
    ),
    page("sources"),
    form(
        "sources",
        403,
        body=lambda world: {"slug": "more", "url": "https://git.test.invalid/catalogue.git"},
        but={"pia": 302},
    ),
    form("source_sync", 403, slug("test"), but={"pia": 302}),
    page("queue"),
    page("quotas"),
    page("quota_new"),
    form("quota_new", 403, body=lambda world: QUOTA, but={"pia": 302}),
    page("quota", kwargs=of("quota"), but={"tomasz": 404, "olaf": 404}),
    form(
        "quota",
        403,
        of("quota"),
        body=lambda world: {"asked": "remove", "reason": "Not needed."},
        but={"tomasz": 404, "olaf": 404, "pia": 302},
    ),
    page("budget_new"),
    form("budget_new", 403, body=lambda world: {**BUDGET, "where": "team:payments"}, but={"pia": 302}),
    page("budget", kwargs=of("budget"), but={"tomasz": 404, "olaf": 404}),
    form("budget", 403, of("budget"), body=lambda world: BUDGET, but={"tomasz": 404, "olaf": 404, "pia": 302}),
    page("targets"),
    form("targets", 403, body=lambda world: TARGET, but={"pia": 302}),
    page("target", 200, slug("eu-1")),
    form("target", 403, slug("eu-1"), body=lambda world: {"name": "Europe"}, but={"pia": 302}),
    form("target_check", 403, slug("eu-1"), but={"pia": 302}),
    form("target_credentials", 403, slug("eu-1"), but={"pia": 422}),
    form("target_retire", 403, slug("eu-1"), but={"pia": 302}),
    page("environments"),
    page("environment", 200, of("environment"), but=HIDDEN),
    form("environment_unlock", 403, of("environment"), but={**HIDDEN, "ines": 422, "pia": 422}),
    page("environment_tab", 200, lambda world: {"pk": world.environment.pk, "tab": "secrets"}, but=HIDDEN),
    form(
        "environment_ask",
        403,
        lambda world: {"pk": world.environment.pk, "kind": "suspend"},
        but={**HIDDEN, "mara": 302, "ines": 302},
    ),
    form(
        "environment_extend",
        403,
        of("environment"),
        body=lambda world: {"hours": 1},
        but={**HIDDEN, "mara": 302, "ines": 302},
    ),
    form("environment_check", 302, of("ready"), but=HIDDEN),
    form(
        "environment_delete_record",
        403,
        of("environment"),
        body=lambda world: {"reason": "Its cluster is gone."},
        but={**HIDDEN, "ines": 409, "pia": 409},
    ),
    page("orphans"),
    form("orphan_retry", 403, of("orphan"), but={**HIDDEN, "mara": 302, "ines": 302, "pia": 302}),
    form(
        "orphan_removed",
        403,
        of("orphan"),
        body=lambda world: {"reason": "Dropped by hand."},
        but={**HIDDEN, "mara": 302, "ines": 302, "pia": 302},
    ),
    form(
        "secret_reveal",
        403,
        lambda world: {"pk": world.environment.pk, "name": "nothing"},
        body=lambda world: {"reason": "To look at it."},
        but={**HIDDEN, "mara": 404, "ines": 404},
    ),
    page("operation", 200, of("awaiting"), but={"olaf": 404}),
    page("operation_tab", 200, lambda world: {"pk": world.awaiting.pk, "tab": "plan"}, but={"olaf": 404}),
    form("operation_cancel", 403, of("awaiting"), but={"olaf": 404, "mara": 302, "ines": 302}),
    form("operation_retry", 403, of("failed"), but={**HIDDEN, "mara": 302, "ines": 302}),
    form(
        "operation_force",
        403,
        of("forced"),
        body=lambda world: {"reason": "It hangs."},
        but={**HIDDEN, "mara": 302, "ines": 302, "pia": 302},
    ),
    page("operation_log", 200, of("failed"), but=HIDDEN),
    page("operation_stream", 200, of("failed"), committed=True, but={**HIDDEN, "anonymous": 401}),
    page("governance"),
    page("waivers"),
    page("waiver_new"),
    form(
        "waiver_new",
        403,
        body=lambda world: {**WAIVER, "among": WAIVER["scope"]},
        but={"mara": 302, "ines": 302, **NOT_THEIRS},
    ),
    page("waiver", 200, of("waiver"), but=HIDDEN),
    form("waiver_grant", 403, of("waiver"), body=lambda world: BECAUSE, but={**HIDDEN, "pia": 302}),
    form("waiver_refuse", 403, of("waiver"), body=lambda world: BECAUSE, but={**HIDDEN, "pia": 302}),
    form("waiver_withdraw", 403, of("waiver"), body=lambda world: BECAUSE, but={**HIDDEN, "mara": 302}),
    page("policies"),
    page("policy_rule", 200, lambda world: {"rule": "test.rule"}),
    page("policy_rule_new"),
    form("policy_rule_new", 403, body=lambda world: REGION_RULE, but={"pia": 302}),
    form("policy_rule_remove", 403, slug("region-rule"), but={"pia": 302}),
    page("policy_bundles"),
    page("policy_bundle", 200, of("bundle")),
    form("policy_bundle", 403, of("draft"), body=lambda world: {"act": "shadow"}, but={"pia": 302}),
    form(
        "policy_source",
        403,
        body=lambda world: {"slug": "more", "url": "https://git.test.invalid/policies.git"},
        but={"pia": 302},
    ),
    page("policy_decisions"),
    page("policy_decision", 200, of("decision"), but=HIDDEN),
    page("policy_findings"),
    page("inbox"),
    page("approval", 200, of("awaiting"), but={"olaf": 404}),
    form(
        "approval_decide",
        403,
        of("awaiting"),
        body=lambda world: {"digest": world.awaiting.change_digest, "decision": "approve"},
        but={"olaf": 404, "jonas": 302, "ines": 302, "tomasz": 302},
    ),
    page("inbox_bulk"),
    form(
        "inbox_bulk_approve",
        200,
        body=lambda world: {"plan": f"{world.awaiting.pk}@{world.awaiting.change_digest}"},
        but={"olaf": 422},
    ),
    form("approval_comment", 302, of("held"), body=words, but={"olaf": 404}),
    form("approval_answer", 403, of("held"), body=words, but={"olaf": 404, "mara": 302}),
    form("approval_resume", 403, of("held"), but={"olaf": 404, "jonas": 302, "ines": 302, "tomasz": 302}),
    form("approval_review", 404, of("held"), body=words),
    page("approval_edit", 200, of("held"), but={"olaf": 404}),
    form("approval_edit", 403, of("held"), body=lambda world: {"p-size": "M"}, but={"olaf": 404, "mara": 302}),
    page("pipelines"),
    page("pipeline", 200, slug("payments-api"), but=HIDDEN),
    page("release_new", 200, slug("payments-api"), but=HIDDEN),
    form(
        "release_new",
        403,
        slug("payments-api"),
        body=lambda world: {"version": "2.0.0"},
        but={**HIDDEN, "mara": 302, "ines": 302},
    ),
    form(
        "release_move",
        403,
        slug("payments-api"),
        body=lambda world: {
            "kind": "deploy",
            "environment": str(world.environment.pk),
            "release": str(world.release.pk),
        },
        but={**HIDDEN, "mara": 302, "ines": 302},
    ),
    page("history"),
    page("history_event", 404, lambda world: {"id": 2**62}),
    page("history_export", 200, lambda world: {"format": "csv"}, but={"pia": 403, "olaf": 403}),
]

WHY = "?permission=deploy&scope=team:payments"
MANAGERS = {"ines": 302, "pia": 302}
MACHINES = {**{name: 404 for name in ("vera", "mara", "jonas", "ana")}, **HIDDEN}
GIVEN = {"what": "viewer", "scope": "team:payments", "reason": "To see."}
ACCESS = [
    page("access", query=WHY, but=HIDDEN),
    form("access_grant", 403, body=lambda w: {"to": "vera", **GIVEN}, but={**HIDDEN, **MANAGERS, "vera": 403}),
    form("access_revoke", 403, of("grant"), but={**MANAGERS, "tomasz": 404, "olaf": 302}),
    page("access_roles"),
    form(
        "access_roles",
        403,
        body=lambda world: {"slug": "releaser", "name": "Releaser", "permissions": "deploy"},
        but={"pia": 302},
    ),
    page("access_accounts"),
    form(
        "access_accounts",
        403,
        body=lambda world: {"team": "payments", "name": "more-bot", "role": "viewer"},
        but={**HIDDEN, **MANAGERS},
    ),
    form(
        "access_account_token",
        200,
        lambda world: {"username": world.machine.username},
        body=lambda world: {"name": "ci", "scopes": "read", "days": 1},
        but=MACHINES,
    ),
    form("access_token_rotate", 200, of("machine_token"), but=MACHINES),
    form("access_token_end", 302, of("machine_token"), but=MACHINES),
    form(
        "access_admit",
        403,
        body=lambda world: {"user": "vera", "team": "payments", "role": "developer"},
        but={**HIDDEN, **MANAGERS},
    ),
    form("access_dismiss", 403, of("membership"), but={**HIDDEN, **MANAGERS, "vera": 302}),
    page("access_person", 200, lambda world: {"username": "vera"}, but=HIDDEN),
    form("access_leave", 403, lambda world: {"username": "vera"}, but={**HIDDEN, "pia": 302}),
    form(
        "access_look",
        403,
        lambda world: {"username": "vera"},
        body=lambda w: {"reason": "Help."},
        but={**HIDDEN, "pia": 302},
    ),
    form("access_look_end", 302),
    page("access_ownership"),
    form(
        "access_transfer",
        403,
        of("environment"),
        body=lambda world: {"to": "ines"},
        but={**HIDDEN, **MANAGERS, "mara": 302},
    ),
    page("access_reviews"),
    page("access_review", 200, of("review"), but=HIDDEN),
    page("access_review_export", 200, of("review"), but=HIDDEN),
    form(
        "access_review_decide",
        403,
        of("review_item"),
        body=lambda w: {"decision": "confirm"},
        but={**HIDDEN, **MANAGERS},
    ),
    Row("api:access_why", 200, query=f"{WHY}&user=mara", but={**ANON, "tomasz": 422, "olaf": 422}),
    Row("api:access_who", 200, query=WHY, but={**ANON, "tomasz": 422, "olaf": 422}),
    Row("api:access_grants", 200, but=ANON),
    Row(
        "api:access_grants",
        403,
        "POST",
        body=lambda world: {"user": "vera", **GIVEN},
        but={**ANON, "ines": 201, "pia": 201, "tomasz": 422, "olaf": 422},
    ),
    Row(
        "api:access_grant_revoke",
        403,
        "POST",
        of("grant"),
        but={**ANON, "ines": 200, "pia": 200, "olaf": 200, "tomasz": 404},
    ),
    Row("api:access_roles", 200, but=ANON),
    Row(
        "api:access_roles",
        403,
        "POST",
        body=lambda world: {"slug": "releaser", "name": "Releaser", "permissions": ["deploy"]},
        but={**ANON, "pia": 200},
    ),
    Row(
        "api:access_members",
        403,
        "POST",
        body=lambda world: {"user": "vera", "team": "payments", "role": "developer"},
        but={**ANON, "ines": 201, "pia": 201, "tomasz": 422, "olaf": 422},
    ),
    Row("api:access_member", 403, "DELETE", of("membership"), but={**OURS, "ines": 204, "pia": 204, "vera": 204}),
    Row("api:access_accounts", 200, but=ANON),
    Row(
        "api:access_accounts",
        403,
        "POST",
        body=lambda world: {"team": "payments", "name": "more-bot", "role": "viewer"},
        but={**ANON, "ines": 201, "pia": 201, "tomasz": 422, "olaf": 422},
    ),
    Row(
        "api:access_account_tokens",
        201,
        "POST",
        lambda world: {"username": world.machine.username},
        lambda world: {"name": "ci", "scopes": ["read"], "days": 1},
        but={**MACHINES, **ANON},
    ),
    Row("api:access_token_rotate", 201, "POST", of("machine_token"), but={**MACHINES, **ANON}),
    Row("api:access_reviews", 200, but=ANON),
    Row("api:access_review", 200, kwargs=of("review"), but=OURS),
    Row(
        "api:access_review_decide",
        403,
        "POST",
        of("review_item"),
        lambda world: {"decision": "confirm"},
        but={**OURS, "ines": 200, "pia": 200},
    ),
    Row("api:access_leave", 403, "POST", lambda world: {"username": "vera"}, but={**OURS, "pia": 200}),
    Row(
        "api:access_transfer",
        403,
        "POST",
        of("environment"),
        lambda world: {"to": "ines"},
        but={**OURS, "mara": 200, "ines": 200, "pia": 200},
    ),
]

PLATFORM = {**ANON, "pia": 200}
APPROVAL_RULES = [
    page("approval_rules"),
    form("approval_rules", 403, but={"pia": 422}),
    page("approval_rule_new", 403, but={"pia": 200}),
    page("approval_rule", 200, slug("prod")),
    form("approval_rule", 403, slug("prod"), but={"pia": 422}),
    page("approval_rule_edit", 403, slug("prod"), but={"pia": 200}),
    form("approval_rule_switch", 403, slug("prod"), but={"pia": 302}),
    page("delegations"),
    form("delegations", 422),
    form("delegation_end", 404, of("delegation"), but={"jonas": 302, "olaf": 302}),
    form("emergency_review", 422, of("glass"), but={"mara": 403, "ines": 403, "vera": 403, "ana": 403, **HIDDEN}),
    page("break_glass", 200, of("awaiting"), but={"olaf": 404}),
    form("break_glass", 403, of("awaiting"), but={"ines": 422, "olaf": 404}),
    Row("api:approval_rules", 200, but=ANON),
    Row("api:approval_rules", 403, "POST", body=approval_rows.new_rule, but={**ANON, "pia": 201}),
    Row("api:approval_rule", 200, kwargs=slug("prod"), but=ANON),
    Row("api:approval_rule", 403, "PUT", slug("prod"), approval_rows.rule_body, but=PLATFORM),
    Row("api:delegations", 200, but=ANON),
    Row("api:delegations", 201, "POST", body=approval_rows.away, but={**ANON, "olaf": 422}),
    Row("api:delegation_end", 404, "POST", of("delegation"), but={**ANON, "jonas": 200, "olaf": 200}),
    Row("api:operation_break_glass", 403, "POST", of("awaiting"), approval_rows.glass_body, but=ASKED_TO_SIGN),
    Row("api:operation_signer_edit", 403, "POST", of("awaiting"), approval_rows.edit_body, but=ASKED_TO_SIGN),
    Row("api:emergencies", 200, but=ANON),
    Row(
        "api:emergency_review",
        403,
        "POST",
        of("glass"),
        approval_rows.review_body,
        but={**OURS, "jonas": 200, "pia": 200},
    ),
]

WINDOWS = [
    page("windows"),
    page("window_new"),
    form("window_new", 403, body=lambda world: window_rows.SENT, but={"pia": 302}),
    page("window", 200, of("window"), but=HIDDEN),
    form("window", 403, of("window"), body=lambda world: window_rows.SENT, but={**HIDDEN, "pia": 302}),
    form("window_retire", 403, of("window"), body=lambda world: BECAUSE, but={**HIDDEN, "pia": 302}),
    page("stops"),
    form("stops", 403, body=lambda world: window_rows.STOP, but={**HIDDEN, "ines": 302, "pia": 302}),
    form("stop_lift", 403, of("stop"), body=lambda world: BECAUSE, but={**HIDDEN, "ines": 302}),
    page("switches"),
    form(
        "switches",
        403,
        body=lambda world: {"name": "schedules", "hours": "1", "reason": "The clocks are wrong."},
        but={"pia": 302},
    ),
    form("switch_end", 403, lambda world: {"name": "notifications"}, but={"pia": 302}),
    Row("api:windows", 200, but=ANON),
    Row("api:windows", 403, "POST", body=lambda world: window_rows.JSON, but={**ANON, "pia": 201}),
    Row("api:window_preview", 403, "POST", body=lambda world: window_rows.JSON, but=PLATFORM),
    Row("api:window", 200, kwargs=of("window"), but=OURS),
    Row("api:window", 403, "PUT", of("window"), lambda world: window_rows.JSON, but={**OURS, "pia": 200}),
    Row("api:window_occurrences", 200, kwargs=of("window"), but=OURS),
    Row("api:window_retire", 403, "POST", of("window"), lambda world: BECAUSE, but={**OURS, "pia": 200}),
    Row("api:stops", 200, but=ANON),
    Row("api:stops", 403, "POST", body=lambda world: window_rows.STOP, but={**UNSEEN, "ines": 201, "pia": 201}),
    Row("api:stop_lift", 403, "POST", of("stop"), lambda world: BECAUSE, but={**OURS, "ines": 200}),
    Row("api:switches", 200, but=ANON),
    Row("api:switches", 403, "POST", body=window_rows.switch_body, but={**ANON, "pia": 201}),
    Row("api:switch_end", 403, "POST", lambda world: {"name": "notifications"}, but=PLATFORM),
]

ROWS: list[Row] = [*APPROVAL_RULES, *HEALTH, *WEBHOOKS, *API, *PAGES, *ACCESS, *WINDOWS]
