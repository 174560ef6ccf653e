"""`manage.py policy_check FILE`: what the policy in force says to a template, a manifest or a Terraform plan.

Exit code 0: allowed (warnings are shown), 1: refused, 2: it could not be checked. With `--url` a pipeline asks a
portal over its API by the token in BERTH_TOKEN; without, this installation is asked as the person `--as`.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from policies.models import User
from policies.results import Denied
from portal.api.serializers.policies import checked
from provisioning.actions.policy_check import KINDS, Checkable, check

SECONDS = 60
REFUSED, UNCHECKED = 1, 2


class Command(BaseCommand):
    """Prints every finding in the words of the request page."""

    help = "Check a template, a manifest or a Terraform plan by the policy in force."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What, and where it is for."""
        parser.add_argument("file", help="the document; - for standard input")
        parser.add_argument("--kind", choices=KINDS, required=True)
        for name in ("environment", "service", "template", "tier"):
            parser.add_argument(f"--{name}", default="")
        parser.add_argument("--url", default="", help="the portal to ask, such as https://berth.example.org")
        parser.add_argument("--as", dest="username", default="", help="the person to ask as, without --url")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, print, and end with the exit code."""
        names = ("kind", "environment", "service", "template", "tier")
        asked = Checkable(document=_text(options["file"]), **{name: options[name] for name in names})
        answer = _over_api(options["url"], asked) if options["url"] else _here(options["username"], asked)
        for result in answer["results"]:
            self.stdout.write(f"{'allowed' if result['allowed'] else 'refused'}  {result['name']}")
            for finding in result["findings"]:
                self.stdout.write(f"  {finding['severity']:5} {finding['rule']}: {finding['message']}")
                self.stdout.write(f"        {finding['fix']} Who can help: {finding['who']}.")
        if not answer["judged"]:
            raise CommandError("The rules could not be asked.", returncode=UNCHECKED)
        if not answer["allowed"]:
            raise CommandError("Policy refuses it.", returncode=REFUSED)


def _text(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{name} cannot be read: {error}", returncode=UNCHECKED) from None


def _here(username: str, asked: Checkable) -> dict[str, Any]:
    by = User.objects.filter(username=username, is_active=True).first()
    if by is None:
        raise CommandError("Say with --as whose rights are used, or with --url which portal.", returncode=UNCHECKED)
    results = check(by=by, asked=asked)
    if isinstance(results, Denied):
        raise CommandError(f"{results.reason} {results.fix}", returncode=UNCHECKED)
    return checked(results)


def _over_api(url: str, asked: Checkable) -> dict[str, Any]:
    """Ask a portal. Whatever goes wrong on the way, nothing was checked."""
    if not url.startswith(("https://", "http://")):
        raise CommandError("The address begins with https:// or http://.", returncode=UNCHECKED)
    headers = {"Authorization": f"Bearer {os.environ.get('BERTH_TOKEN', '')}", "Content-Type": "application/json"}
    address = f"{url.rstrip('/')}/api/v1/policy/check/"
    request = urllib.request.Request(address, json.dumps(asdict(asked)).encode(), headers)  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310 - checked above
            found: dict[str, Any] = json.load(response)
            return found
    except urllib.error.HTTPError as error:
        raise CommandError(f"The portal answers {error.code}: {_said(error)}", returncode=UNCHECKED) from None
    except (OSError, ValueError) as error:
        raise CommandError(f"The portal does not answer: {error}", returncode=UNCHECKED) from None


def _said(error: urllib.error.HTTPError) -> str:
    try:
        body = json.load(error)
        return f"{body['title']} {body['fix']}"
    except (ValueError, KeyError, TypeError):
        return error.reason
