"""Makes the first person of an installation, or another team owner, and prints a one-time sign-in link."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import IntegrityError
from django.urls import reverse

from audit.context import context
from policies import tokens
from policies.models import Membership, Organisation, Role, Team, User

BY = "system:createowner"


class Command(BaseCommand):
    """Without --team the person becomes platform engineer; with it, owner of that team (made if missing)."""

    help = "Make a person who can sign in by a one-time link: platform engineer, or owner of --team."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The person, and perhaps a team."""
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", required=True)
        parser.add_argument("--team", help="slug of the team to own; made when there is none")

    def handle(self, *args: Any, **options: Any) -> None:
        """Safe to repeat: a known person gets a new link and, if missing, the role."""
        try:
            validate_email(options["email"])
        except ValidationError as error:
            raise CommandError(f"{options['email']} is no e-mail address.") from error
        with context(by=BY, reason="createowner on the command line"):
            person = _person(options["email"].lower(), options["name"])
            _role(person, options["team"])
        value = tokens.create_link(by=BY, user=person)
        self.stdout.write(f"{settings.BERTH.public_url}{reverse('signin_link', args=[value])}")
        self.stderr.write("It works once, within half an hour.")


def _person(email: str, name: str) -> User:
    known = User.objects.filter(email=email).first()
    if known is not None:
        return known
    try:
        return User.objects.create_user(username=email[:150], email=email, full_name=name, password=None)
    except IntegrityError as error:
        raise CommandError(f"The user name {email} is taken by somebody with another address.") from error


def _role(person: User, slug: str | None) -> None:
    if not slug:
        person.is_platform = True
        person.save(update_fields=["is_platform"])
        return
    team = Team.objects.filter(slug=slug).first() or _team(slug)
    Membership.objects.get_or_create(team=team, user=person, role=Role.OWNER)


def _team(slug: str) -> Team:
    organisation = Organisation.objects.order_by("pk").first()
    if organisation is None:
        organisation = Organisation.objects.create(slug="main", name="Main")
    name = slug.replace("-", " ").capitalize()
    return Team.objects.create(organisation=organisation, slug=slug, name=name, cost_centre=slug)
