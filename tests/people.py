"""The few people whom tests speak of, and what is theirs. Mara asks, Jonas and Ines of Payments sign, Tomasz of
Reliability signs too. What only the engine can make is in provisioning/engine.py."""

from dataclasses import dataclass
from typing import Any

from audit.context import context
from catalog.models import Source, Template, TemplateVersion
from policies.models import ApprovalRule, Membership, Organisation, Quota, Role, RuleStep, Service, Team, User
from provisioning.models import Environment

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "size": {"type": "string", "enum": ["S", "M", "L"], "default": "S", "title": "Size"},
        "greeting": {"type": "string", "maxLength": 80, "default": "hello", "title": "Greeting"},
    },
    "additionalProperties": False,
}
SPEC: dict[str, Any] = {
    "name": "Web service",
    "changes": "First version.",
    "driver": "noop",
    "tiers": ["sandbox", "preview", "dev", "test", "stage", "prod"],
    "parameters": SCHEMA,
    "outputs": [],
    "secrets": [],
    "price": {"currency": "EUR", "book": "2026-11", "base": {"running": "0.05", "suspended": "0.01"}},
    "ttl": {tier: {"default": "14d", "max": "60d"} for tier in ("sandbox", "preview", "dev", "test")},
    "resources": {},
}


@dataclass
class Demo:
    """Everything a test needs to name."""

    payments: Team
    reliability: Team
    mara: User
    jonas: User
    ines: User
    tomasz: User
    vera: User
    ana: User
    pia: User
    olaf: User
    api: Service
    version: TemplateVersion


def user(name: str, **fields: Any) -> User:
    """One active person."""
    return User.objects.create_user(
        username=name, email=f"{name}@test.invalid", full_name=name.capitalize(), password=None, **fields
    )


def rule(slug: str, *, steps: list[dict[str, Any]], **fields: Any) -> ApprovalRule:
    """One approval rule, for prod unless said otherwise."""
    made = ApprovalRule.objects.create(slug=slug, **{"description": slug, "tiers": ["prod"], **fields})
    for step in steps:
        RuleStep.objects.create(rule=made, **step)
    return made


def make(driver: str = "noop") -> Demo:
    """Create the organisation. Every person has exactly the roles that their name stands for."""
    with context(by="system:test"):
        organisation = Organisation.objects.create(slug="harbour", name="Harbour")
        payments = Team.objects.create(
            organisation=organisation, slug="payments", name="Payments", cost_centre="CC-100"
        )
        reliability = Team.objects.create(
            organisation=organisation, slug="reliability", name="Reliability", cost_centre="CC-200"
        )
        found = {name: user(name) for name in ("mara", "jonas", "ines", "tomasz", "vera", "olaf")}
        ana, pia = user("ana", is_auditor=True), user("pia", is_platform=True)
        for name, team, role in [
            ("mara", payments, Role.DEVELOPER),
            ("jonas", payments, Role.APPROVER),
            ("ines", payments, Role.OWNER),
            ("tomasz", reliability, Role.APPROVER),
            ("vera", payments, Role.VIEWER),
        ]:
            Membership.objects.create(team=team, user=found[name], role=role)
        api = Service.objects.create(team=payments, slug="payments-api", name="Payments API")
        Quota.objects.create(team=payments, metric="environments", limit=20)
        rule(
            "prod",
            description="Prod needs two, one of the owning team",
            kinds=["create", "update", "destroy", "deploy", "promote"],
            steps=[{"quorum": 2, "owning_least": 1, "teams": ["reliability"]}],
        )
        version = make_version(driver=driver)
    return Demo(payments, reliability, **found, ana=ana, pia=pia, api=api, version=version)


def make_version(
    *, driver: str = "noop", digest: str = "sha256:" + "a" * 64, number: str = "1.0.0", **changes: Any
) -> TemplateVersion:
    """A published template version, without Git."""
    source, _ = Source.objects.get_or_create(slug="test", defaults={"url": "file:///nowhere"})
    template, _ = Template.objects.get_or_create(
        slug="web-service", defaults={"source": source, "name": "Web service", "owner": "platform"}
    )
    spec = {**SPEC, "driver": driver, **changes}
    version = TemplateVersion.objects.create(
        template=template, digest=digest, version=number, schema_version="berth/v1", spec=spec, docs=""
    )
    template.current = version
    template.save()
    return version


def environment(demo: Demo, name: str = "payments-api-dev", tier: str = "dev", **fields: Any) -> Environment:
    """Mara's, as a row that no engine made."""
    usual = {
        "service": demo.api,
        "team": demo.payments,
        "owner": demo.mara,
        "template_version": demo.version,
        "driver": "noop",
        "cost_centre": demo.payments.cost_centre,
    }
    with context(by="system:test"):
        return Environment.objects.create(name=name, tier=tier, **{**usual, **fields})
