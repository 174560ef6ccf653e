"""The world in which every case of the table begins: people, templates, releases, windows and thirteen environments."""

from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from audit.context import context
from catalog.models import Template, TemplateVersion
from delivery.models import Release
from policies import windowing
from policies.models import AccessGrant, CustomRole, Membership, Quota, QuotaReservation, Role, Team, User, Window
from provisioning import closures, holdings
from provisioning.models import Environment, Operation
from provisioning.tiers import Tier
from tests import people
from tests.people import SPEC, Demo, user

SIZES = {
    "type": "string",
    "enum": ["S", "M", "L"],
    "default": "S",
    "title": "Size",
    "quota": {"vcpu": {"S": 1, "M": 2, "L": 4}},
}
PRICE = {
    "currency": "EUR",
    "book": "2026-11",
    "base": {"running": "0.05", "suspended": "0.01"},
    "additions": {
        "size": {
            "S": {"running": "0", "suspended": "0"},
            "M": {"running": "0.05", "suspended": "0"},
            "L": {"running": "0.20", "suspended": "0"},
        }
    },
}
PARAMETERS = {"type": "object", "properties": {"size": SIZES}, "additionalProperties": False}
TIERS = tuple(Tier.values)


@dataclass
class World:
    """What a case's setting changes, and what its request names. `versions` by what is wrong with them."""

    demo: Demo
    people: dict[str, User]
    versions: dict[str, TemplateVersion]
    releases: dict[str, Release]
    environments: dict[tuple[str, str], Environment]
    rows: tuple[int, ...]

    @property
    def team(self) -> Team:
        return self.demo.payments


def make() -> World:
    """Everything, once; the only quota and the only approval rule are the cases' own."""
    demo = people.make()
    with context(by="system:test"):
        Quota.objects.all().delete()
        Team.objects.filter(slug="payments").update(cost_centre="CC-100")
        found = {
            name: getattr(demo, name) for name in ("mara", "jonas", "ines", "tomasz", "vera", "olaf", "ana", "pia")
        }
        found |= _askers(demo)
        versions = _versions()
        releases = {name: _release(demo, name) for name in ("old", "present", "next")}
        environments = {
            (tier, status): _environment(demo, versions["clean"], releases, tier, status)
            for tier in TIERS
            for status in ("ready", "suspended")
        }
        source = _environment(demo, versions["clean"], releases, "sandbox", "below")
        Environment.objects.filter(pk=source.pk).update(release=releases["next"].as_spec())
    _windows(demo)
    return World(demo, found, versions, releases, environments, rows())


def rows() -> tuple[int, ...]:
    """How many operations, environments and reservations there are: after a refusal as many as in the beginning."""
    return tuple(model.objects.count() for model in (Operation, Environment, QuotaReservation))


def _askers(demo: Demo) -> dict[str, User]:
    """Those of the table whom the other tests do not know."""
    names = ("nadia", "art", "oda", "nils", "gil", "lars", "dan", "cleo")
    made = {name: user(name) for name in names}
    bot = User(username="payments-bot", full_name="Bot", is_service=True, owning_team=demo.payments)
    bot.set_unusable_password()
    bot.save()
    custom = CustomRole.objects.create(slug="asker", name="Asker", permissions=["view", "request"])
    for name, team, role in (
        ("nadia", demo.reliability, Role.APPROVER),
        ("art", demo.payments, Role.APPROVER),
        ("oda", demo.payments, Role.OWNER),
        ("nils", demo.reliability, Role.DEVELOPER),
        ("dan", demo.payments, Role.DEVELOPER),
    ):
        Membership.objects.create(team=team, user=made[name], role=role)
    Membership.objects.create(team=demo.payments, user=bot, role=Role.DEVELOPER)
    Membership.objects.create(team=demo.payments, user=made["cleo"], custom=custom)
    _grants(demo, made)
    return {**made, "payments-bot": bot}


def _grants(demo: Demo, made: dict[str, User]) -> None:
    """One that lasts, one that ended by itself, and a denial of the service's writes."""
    now = timezone.now()
    usual = {"starts_at": now - timedelta(days=2), "reason": "Covers.", "granted_by": demo.ines}
    given = {**usual, "team": demo.payments, "role": Role.DEVELOPER}
    AccessGrant.objects.create(user=made["gil"], ends_at=now + timedelta(days=2), **given)
    AccessGrant.objects.create(user=made["lars"], ends_at=now - timedelta(days=1), **given)
    for right in ("request", "operate", "deploy"):
        AccessGrant.objects.create(user=made["dan"], service=demo.api, permission=right, effect="deny", **usual)


def _versions() -> dict[str, TemplateVersion]:
    """A template that suits every tier, one without lifetimes, and for each tier one that is not offered there."""
    found = {"clean": _version("shop"), "endless": _version("shop-lasting", ttl={})}
    for tier in TIERS:
        found[f"not {tier}"] = _version(f"shop-not-{tier}", tiers=[other for other in TIERS if other != tier])
    return found


def _version(slug: str, **changes: Any) -> TemplateVersion:
    source = Template.objects.get(slug="web-service").source
    template = Template.objects.create(slug=slug, source=source, name=slug, owner="platform")
    spec = {**SPEC, "parameters": PARAMETERS, "price": PRICE, **changes}
    digest = "sha256:" + slug.encode().hex().ljust(64, "0")[:64]
    version = TemplateVersion.objects.create(
        template=template, digest=digest, version="1.0.0", schema_version="berth/v1", spec=spec, docs=""
    )
    template.current = version
    template.save()
    return version


def _release(demo: Demo, name: str) -> Release:
    digest = "sha256:" + name.encode().hex().ljust(64, "0")
    return Release.objects.create(
        service=demo.api, team=demo.payments, version=name, digest=digest, created_by=demo.mara
    )


def _environment(
    demo: Demo, version: TemplateVersion, releases: dict[str, Release], tier: str, status: str
) -> Environment:
    """One that the old release ran in before the present one, made a month ago."""
    now = timezone.now()
    suspended = status == "suspended"
    made = Environment.objects.create(
        name=f"shop-{tier}-{status}",
        service=demo.api,
        team=demo.payments,
        tier=tier,
        owner=demo.mara,
        template_version=version,
        driver="noop",
        status="suspended" if suspended else "ready",
        parameters={"size": "S"},
        cost_centre="CC-100",
        rate_running=Decimal("0.05"),
        rate_suspended=Decimal("0.01"),
        currency="EUR",
        ready_at=now - timedelta(days=40),
        suspended_at=now - timedelta(days=1) if suspended else None,
        release=releases["present"].as_spec(),
    )
    for minutes, release in ((20, "old"), (10, "present")):
        _arrived(demo, made, releases[release], now - timedelta(minutes=minutes))
    holdings.settle(made.pk)
    return made


def _arrived(demo: Demo, environment: Environment, release: Release, at: Any) -> None:
    Operation.objects.create(
        kind="deploy",
        environment=environment,
        team=demo.payments,
        tier=environment.tier,
        requester=demo.mara,
        status="succeeded",
        finished_at=at,
        arguments={"release": release.as_spec()},
    )


# Slug: effect, days from today to its first, days that it lasts, and its scope.
WINDOWS: dict[str, tuple[str, int, int, dict[str, tuple[str, ...]]]] = {
    "everything": ("freeze", -1, 3, {}),
    "prod-only": ("freeze", -1, 3, {"tiers": ("prod",)}),
    "no-rollback": ("freeze", -1, 3, {"kinds": ("rollback",)}),
    "over": ("freeze", -20, 1, {}),
    "office": ("allow", -1, 3, {}),
    "later": ("allow", 20, 1, {}),
    "others": ("freeze", -1, 3, {"teams": ("reliability",)}),
}


def _windows(demo: Demo) -> None:
    """Each with its occurrences written down, and out of force until a case wants it."""
    today = timezone.now().date()
    for slug, (effect, first, days, scope) in WINDOWS.items():
        wanted = windowing.Wanted(
            slug=slug,
            name=slug,
            effect=effect,
            rrule="FREQ=DAILY;INTERVAL=200",
            starts_on=today + timedelta(days=first),
            starts_at=time(0),
            duration=timedelta(days=days),
            time_zone="UTC",
            reason="A case wants it.",
            **scope,
        )
        made = windowing.save(by=demo.pia, wanted=wanted, options=closures.options())
        assert isinstance(made, Window), made
    with context(by="system:test"):
        Window.objects.update(active=False)
