"""`manage.py admission TARGET --authority FILE`: makes a cluster's webhook anew and prints its configuration."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from provisioning import admission_hooks
from provisioning.models import Target

BY = "system:admission"


class Command(BaseCommand):
    """Each run makes a new token, so the configuration before it is worth nothing any more: apply what is printed."""

    help = "Print the ValidatingWebhookConfiguration of a cluster, with a new token; pipe it to kubectl apply -f -."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which cluster, and what it does when Berth does not answer."""
        parser.add_argument("target", help="slug of the registered cluster")
        parser.add_argument("--authority", type=Path, required=True, help="PEM of who signed the portal's certificate")
        parser.add_argument("--fail-open", action="store_true", help="admit when Berth does not answer; else refuse")
        parser.add_argument("--timeout", type=int, default=3, help="seconds to wait for an answer, 1 to 30")
        parser.add_argument("--url", default=settings.BERTH.public_url, help="https address of the portal")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print JSON, which is YAML."""
        target = Target.objects.filter(slug=options["target"], retired_at=None).first()
        if target is None:
            raise CommandError(f"No target {options['target']} is registered here.")
        if not options["url"].startswith("https://"):
            raise CommandError(f"A cluster asks by https only, and {options['url']} is not. Give --url.")
        if not 1 <= options["timeout"] <= 30:
            raise CommandError("The timeout must be 1 to 30 seconds.")
        try:
            authority = options["authority"].read_bytes()
        except OSError as problem:
            raise CommandError(f"{options['authority']}: {problem.strerror}.") from problem
        hook, token = admission_hooks.make(
            by=BY, target=target, fails_open=options["fail_open"], timeout_seconds=options["timeout"]
        )
        url = f"{options['url'].rstrip('/')}/webhooks/admission/{target.slug}/{token}"
        self.stdout.write(json.dumps(admission_hooks.configuration(hook, url=url, authority=authority), indent=2))
