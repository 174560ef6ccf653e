"""Rows that API tests start from, written without the engine."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from audit.context import context
from delivery.models import Release
from policies import waiving
from policies.approvals import plain
from policies.models import Budget, Decision, FormRule, PolicyBundle, Waiver
from provisioning.actions.hold import Say, send_back
from provisioning.models import (
    Environment,
    InventoryImport,
    InventoryItem,
    Operation,
    Orphan,
    SecretBinding,
    Target,
    WarmPool,
)
from tests import people
from tests.people import Demo

DIGEST = "sha256:" + "d" * 64
NEED = plain(signatures=2, team="payments", owning_team=1, also_from=["reliability"]).as_json()
SIGNING: dict[str, Any] = {
    "approval": NEED,
    "signatures_needed": 2,
    "owning_needed": 1,
    "change_digest": DIGEST,
    "asked": ["team:payments", "team:reliability"],
}


def environment(demo: Demo, name: str = "payments-api-dev", **fields: Any) -> Environment:
    return people.environment(demo, name, **{"status": "ready", **fields})


def operation(demo: Demo, where: Environment, **fields: Any) -> Operation:
    usual = {"kind": "suspend", "requester": demo.mara, "status": "succeeded", "tier": where.tier}
    with context(by="system:test"):
        return Operation.objects.create(environment=where, team=demo.payments, **{**usual, **fields})


def awaiting(demo: Demo, **fields: Any) -> Operation:
    """A prod change of Mara's that waits for two signatures."""
    where = environment(demo, "payments-api-prod", tier="prod")
    return operation(demo, where, **{"kind": "update", "status": "awaiting_approval", **SIGNING, **fields})


def held(demo: Demo) -> Operation:
    """A change of Mara's in prod that Jonas sent back."""
    where = environment(demo, "payments-api-held", tier="prod", parameters={"size": "S", "greeting": "hello"})
    asked = {"arguments": {"parameters": {"size": "L", "greeting": "hello"}}, **SIGNING}
    found = operation(demo, where, kind="update", status="awaiting_approval", **asked)
    answer = send_back(by=demo.jonas, operation=found, say=Say(DIGEST, "Is L not too large?"))
    assert isinstance(answer, Operation), answer
    return answer


def release(demo: Demo, version: str = "1.0.0", **fields: Any) -> Release:
    with context(by="system:test"):
        usual = {"digest": "sha256:" + "e" * 64, "created_by": demo.mara}
        return Release.objects.create(service=demo.api, team=demo.payments, version=version, **{**usual, **fields})


def target(slug: str = "eu-1", **fields: Any) -> Target:
    with context(by="system:test"):
        return Target.objects.create(slug=slug, driver="noop", name=slug, **fields)


def secret(demo: Demo, where: Environment, name: str = "database") -> SecretBinding:
    with context(by="system:test"):
        return SecretBinding.objects.create(
            environment=where,
            team=demo.payments,
            name=name,
            path=f"env/{where.name}/{name}",
            version=1,
            written_at=timezone.now(),
        )


def forced(demo: Demo) -> Operation:
    """A running operation that was asked to cancel long ago and goes on."""
    where = environment(demo, "payments-api-stuck", ready_at=timezone.now())
    asked = timezone.now() - timedelta(hours=1)
    return operation(demo, where, status="running", cancel_requested_at=asked)


def orphan(demo: Demo) -> Orphan:
    """Something a failed creation left behind."""
    where = environment(demo, "payments-api-left", status="failed")
    cause = operation(demo, where, kind="create", status="failed")
    with context(by="system:test"):
        return Orphan.objects.create(
            environment=where,
            operation=cause,
            team=demo.payments,
            driver="noop",
            address="postgres.database",
            reason="The server did not answer.",
        )


def item(demo: Demo) -> InventoryItem:
    """Something that exists outside and is assigned to Payments."""
    with context(by="system:test"):
        read = InventoryImport.objects.create(source="csv", name="list.csv", by=demo.pia, finished_at=timezone.now())
        return InventoryItem.objects.create(
            driver="noop",
            kind="thing",
            address="thing",
            resource_id="id-thing",
            team=demo.payments,
            seen_in=read,
            seen_at=timezone.now(),
        )


def pool(demo: Demo) -> WarmPool:
    """A warm pool for the payments API."""
    with context(by="system:test"):
        return WarmPool.objects.create(
            template=demo.version.template,
            service=demo.api,
            tier="dev",
            parameters={"size": "S"},
            size=1,
            days=[0],
            budget=10,
            created_by=demo.pia,
        )


def budget(demo: Demo, **fields: Any) -> Budget:
    """What Payments shall spend in a month."""
    with context(by="system:test"):
        return Budget.objects.create(**{"team": demo.payments, "amount": 100, "currency": "EUR", **fields})


def waiver(demo: Demo, **changes: Any) -> Waiver:
    """A waiver that Mara asked for and nobody decided yet."""
    usual = {"rule": "env.ttl_maximum", "scope": "service:payments-api", "label": "payments-api", "days": 30}
    people = {"team": demo.payments, "owner": demo.mara, "reason": "The audit runs for 80 days."}
    made = waiving.ask(by=demo.mara, wanted=waiving.Wanted(**{**usual, **people, **changes}))
    assert isinstance(made, Waiver), made
    return made


def policies(demo: Demo) -> dict[str, Any]:
    """A bundle in force and a draft, a rule from a form, and a decision about the payments API."""
    rule = {"id": "test.rule", "severity": "block", "title": "A rule", "waiver": "Nobody"}
    form = {"kind": "allowed", "title": "In Europe", "values": ["eu-1"], "parameter": "region"}
    files = [["rule.rego", 'meta := {"id": "test.rule"}'], ["rule_test.rego", "package tests"]]
    now, content = timezone.now(), {"source": "test", "files": files, "rules": [rule], "tests": []}
    with context(by="system:test"):
        FormRule.objects.create(slug="region-rule", form=form, by=demo.pia)
        return {
            "bundle": PolicyBundle.objects.create(digest="sha256:one", state="active", activated_at=now, **content),
            "draft": PolicyBundle.objects.create(digest="sha256:two", **content),
            "decision": Decision.objects.create(
                subject="environment:gone",
                point="request",
                kind="create",
                team=demo.payments,
                allowed=False,
                findings=[],
                passed=[],
                bundle="sha256:one",
                input_digest=DIGEST,
                micros=1,
            ),
        }
