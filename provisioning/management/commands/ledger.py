"""Compares the quota ledger with what environments use; `--repair` brings it there."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.context import context
from provisioning import holdings


class Command(BaseCommand):
    """Exit status 1 while something differs."""

    help = "Compare the quota ledger with what environments use, and repair it on demand."

    def add_arguments(self, parser: CommandParser) -> None:
        """One switch."""
        parser.add_argument("--repair", action="store_true", help="Bring the ledger to what is used.")

    def handle(self, *args: Any, **options: Any) -> None:
        """One line for each difference."""
        if options["repair"]:
            with context(by="system:ledger", reason="the quota ledger is repaired"):
                found = holdings.repair()
        else:
            found = holdings.differences()
        for row in found:
            self.stdout.write(f"{row.subject} {row.metric}: held {row.held}, used {row.used}")
        if found and not options["repair"]:
            raise CommandError(f"{len(found)} differences. Run it again with --repair.")
        self.stdout.write("repaired" if found else "The ledger equals what is used.")
