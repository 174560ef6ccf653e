"""`up` for Django's list of commands; manage.py enters `portal.embedded.command` before settings exist."""

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from django.core.management.base import BaseCommand

from portal.embedded import command


class Command(BaseCommand):
    """Hands over to `portal.embedded.command`."""

    help = "Start servers, migrate, seed on first start, and run the whole portal until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The options of `up`; --no-color is Django's own."""
        command.add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until stopped."""
        sys.exit(command.start(Namespace(**options)))
