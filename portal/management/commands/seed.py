"""Fills a fresh installation with a small organisation, its catalogue and two releases. Safe to repeat.

Demo people may sign in only while DEBUG is on (portal/signin.py); their passwords are in BERTH_VAR/seed.json.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.context import context
from catalog import actions as catalogue
from catalog.seed import seed_repository
from delivery.actions import register_release
from policies.models import ApprovalRule, Membership, Organisation, Quota, Role, RuleStep, Service, Team, User
from policies.results import Denied
from portal.demo import governance
from portal.signin import DEMO_DOMAIN

BY: Final = "system:seed"
TEAMS: Final = (
    ("payments", "Payments", "CC-1040"),
    ("reliability", "Reliability", "CC-1075"),
    ("platform", "Platform", "CC-1001"),
)
PEOPLE: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("mara", "Mara Lindqvist", "payments", Role.DEVELOPER),
    ("jonas", "Jonas Keller", "payments", Role.APPROVER),
    ("ines", "Ines Moreau", "payments", Role.OWNER),
    ("tomasz", "Tomasz Wieczorek", "reliability", Role.APPROVER),
    ("ana", "Ana Ferreira", "", "auditor"),
    ("priya", "Priya Raman", "platform", "platform engineer"),
)
SERVICES: Final = (
    ("payments-api", "Payments API", "HTTP API for cards and refunds"),
    ("ledger", "Ledger", "Double-entry book of every payment"),
    ("invoice-worker", "Invoice worker", "Makes and sends invoices at night"),
)
RELEASES: Final = (("2026.11.4", "Retries on 3-D Secure timeouts."), ("2026.11.5", "Refunds are idempotent."))
QUOTA: Final = 20


class Command(BaseCommand):
    """Runs as the app; every row it writes is in the history as made by system:seed."""

    help = "Make the demo organisation Harbour with people, services, approval rule, catalogue and releases."

    def handle(self, *args: Any, **options: Any) -> None:
        """Each part looks for what is there first."""
        with context(by=BY, reason="First start"):
            teams = _teams()
            _people(teams)
            _services(teams["payments"])
            _rules(teams.values())
        _passwords(settings.BERTH.var / "seed.json")
        self.stdout.write(_catalogue(settings.BERTH.var / "catalogue.git"))
        _releases()
        governance.fill()
        self.stdout.write(f"Harbour is there: {len(PEOPLE)} people, {len(SERVICES)} services.")


def _teams() -> dict[str, Team]:
    organisation, _ = Organisation.objects.get_or_create(slug="harbour", defaults={"name": "Harbour"})
    return {
        slug: Team.objects.get_or_create(
            slug=slug, defaults={"organisation": organisation, "name": name, "cost_centre": centre}
        )[0]
        for slug, name, centre in TEAMS
    }


def _people(teams: dict[str, Team]) -> None:
    for username, name, team, role in PEOPLE:
        flags = {"is_auditor": role == "auditor", "is_platform": role == "platform engineer"}
        defaults = {"full_name": name, "email": f"{username}@{DEMO_DOMAIN}", **flags}
        person, made = User.objects.get_or_create(username=username, defaults=defaults)
        if made:
            person.set_unusable_password()
            person.save(update_fields=["password"])
        if role in Role.values:
            Membership.objects.get_or_create(team=teams[team], user=person, role=role)
        elif team:
            Membership.objects.get_or_create(team=teams[team], user=person, role=Role.OWNER)


def _services(team: Team) -> None:
    for slug, name, description in SERVICES:
        texts = {"team": team, "name": name, "description": description, "on_call": "#payments-on-call"}
        Service.objects.get_or_create(slug=slug, defaults=texts)


def _rules(teams: Any) -> None:
    for team in teams:
        Quota.objects.get_or_create(team=team, tier="", metric="environments", defaults={"limit": QUOTA})
    rule, is_new = ApprovalRule.objects.get_or_create(
        slug="prod",
        defaults={
            "description": "Changes of prod need two signatures, one of the owning team. Rolling back needs none.",
            "tiers": ["prod"],
            "kinds": ["create", "update", "destroy", "deploy", "promote"],
            "remind_hours": [24, 48],
        },
    )
    if is_new:
        RuleStep.objects.create(rule=rule, quorum=2, owning_least=1, teams=["reliability"])


def _passwords(path: Path) -> None:
    """Give a password to every demo person who has none in the file; keep the others."""
    kept = {row["username"]: row for row in json.loads(path.read_text())} if path.exists() else {}
    rows = []
    for username, _, team, role in PEOPLE:
        row = kept.get(username)
        if row is None:
            words = f"{role}, {team.capitalize()}" if team else role
            row = {"username": username, "password": secrets.token_urlsafe(12), "role": words}
            _set_password(username, row["password"])
        rows.append(row)
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(rows, file, indent=2)
    draft.replace(path)


def _set_password(username: str, password: str) -> None:
    with context(by=BY, reason="Password of a demo person"):
        person = User.objects.get(username=username, email=f"{username}@{DEMO_DOMAIN}")
        person.set_password(password)
        person.save(update_fields=["password"])


def _catalogue(repository: Path) -> str:
    seed_repository(repository, settings.BASE_DIR / "examples" / "catalogue")
    source = catalogue.register_source(by=BY, slug="examples", url=f"file://{repository}")
    if isinstance(source, Denied):
        raise CommandError(f"The catalogue could not be connected: {source.reason}")
    result = catalogue.sync(by=BY, source=source)
    if isinstance(result, Denied):
        raise CommandError(f"The catalogue could not be synced: {result.reason}")
    if result.problems:
        raise CommandError("The catalogue has problems: " + "; ".join(str(problem) for problem in result.problems))
    return f"Catalogue: {', '.join(result.published) or 'unchanged'}."


def _releases() -> None:
    service = Service.objects.select_related("team").get(slug="payments-api")
    mara = User.objects.get(username="mara")
    for version, notes in RELEASES:
        artifact = {"image": "web-service", "version": version}
        answer = register_release(by=mara, service=service, version=version, artifact=artifact, notes=notes)
        if isinstance(answer, Denied):
            raise CommandError(f"Release {version} was refused: {answer.reason}")
