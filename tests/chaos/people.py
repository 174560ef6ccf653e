"""Who lives in the installation and what they may order: three services, releases, and the slots of the load."""

from pathlib import Path
from typing import Any

from audit.context import context
from catalog.actions import register_source, seed_repository, sync
from catalog.models import Template, TemplateVersion
from delivery.actions import register_release
from delivery.models import Release
from policies.models import Quota, Service
from tests import people
from tests.chaos.load import Crowd, Slot
from tests.processes import ROOT

COUNTED = ({"size": "S"}, {"size": "M"}, {"size": "L", "greeting": "good evening"})
WEB = {"size": "S", "region": "eu-north-1", "public_endpoint": False, "backup_retention_days": 7}
WEBS = ({**WEB, "greeting": "one"}, {**WEB, "greeting": "two"})
WORKERS = ({"interval_seconds": 60, "region": "eu-north-1"}, {"interval_seconds": 30, "region": "eu-north-1"})
DATABASES = ({"size": "S", "region": "eu-north-1", "backup_retention_days": 7},)


def settle(var: Path) -> Crowd:
    """Make organisation, templates, services and releases."""
    demo = people.make(driver="counted")
    with context(by="system:chaos"):
        Quota.objects.filter(metric="environments").update(limit=1_000_000)
        Template.objects.filter(slug="web-service").update(slug="counted")
        others = [
            Service.objects.create(team=demo.payments, slug=slug, name=slug.title()) for slug in ("ledger", "payouts")
        ]
    services = [demo.api, *others]
    releases = {service.slug: _releases(demo, service) for service in services}
    web, worker, database = (_shipped(var, slug) for slug in ("web-service", "scheduled-worker", "postgres-database"))
    slots = [
        Slot(f"{service.slug}-{n}", service, demo.version, "dev", COUNTED, releases[service.slug])
        for service in services
        for n in range(3)
    ]
    api = releases["payments-api"]
    slots += [Slot("payments-api-prod", demo.api, demo.version, "prod", COUNTED, api)]
    slots += [Slot(f"web-{n}", service, web, "dev", WEBS, releases[service.slug]) for n, service in enumerate(others)]
    slots += [Slot("job", demo.api, worker, "dev", WORKERS, api), Slot("store", demo.api, database, "dev", DATABASES)]
    return Crowd(slots, [demo.mara, demo.ines], [demo.jonas, demo.tomasz])


def _releases(demo: people.Demo, service: Service) -> tuple[Release, ...]:
    made = [register_release(by=demo.mara, service=service, version=f"{n}.0.0", artifact={}) for n in (1, 2, 3)]
    return tuple(release for release in made if isinstance(release, Release))


def _shipped(var: Path, slug: str) -> TemplateVersion:
    place: Any = var / "catalogue.git"
    if not place.exists():
        seed_repository(place, ROOT / "examples" / "catalogue")
        source = register_source(by="system:chaos", slug="examples", url=place.as_uri())
        found = sync(by="system:chaos", source=source)
        if not found:
            raise RuntimeError(f"the catalogue cannot be read: {found}")
    return TemplateVersion.objects.get(template__slug=slug)
