"""`manage.py policy_test [DIRECTORY]`: all checks that a bundle must pass before it comes into force."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from policies.bundle import Refusal, activate
from policies.engine import SHIPPED


class Command(BaseCommand):
    """Prints the counts and the digest, or every problem; changes nothing."""

    help = "Run the Rego tests of a policy bundle and check it as before activation."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the bundle's directory; the shipped one is the default."""
        parser.add_argument("directory", nargs="?", type=Path, default=SHIPPED)

    def handle(self, *args: Any, **options: Any) -> None:
        """Check and report; a refusal ends with exit code 1."""
        outcome = activate(options["directory"])
        if isinstance(outcome, Refusal):
            raise CommandError("\n".join(("The bundle is refused.", *outcome.problems)))
        for rule in outcome.rules:
            self.stdout.write(f"{rule.severity:5}  {rule.id:24} {rule.title}")
        counts = f"{len(outcome.tests)} tests passed, {len(outcome.rules)} rules, every line reached."
        self.stdout.write(f"{counts}\n{outcome.digest}")
