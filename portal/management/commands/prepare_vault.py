"""`manage.py prepare_vault`: mounts, keys, policies and the workers' AppRole in an OpenBao of yours.

The work is in embedded/vault_setup.py; `manage.py up` does this by itself for its embedded server. Not for a Vault
whose operator does not want an account that may set it up: docs/operations.md lists what to make there by hand.
"""

import http.client
import os
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.embedded import vault_setup
from portal.embedded.failure import StartError
from portal.embedded.openbao import SETUP
from portal.embedded.state import write_secret

SECRET = "BERTH_SETUP_SECRET"  # noqa: S105 - the name of a variable
WAIT_SECONDS = 60


class Command(BaseCommand):
    """Signs in as the set-up account, prepares everything, and leaves role-id and secret-id in files."""

    help = "Prepare OpenBao (VAULT_ADDR, BERTH_SETUP_SECRET) and write the workers' secret-id; repeatable."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Prepare; the earlier secret-id ends, so the workers read the new file when they sign in again."""
        berth = settings.BERTH
        secret = os.environ.get(SECRET, "")
        if not (berth.vault_addr and berth.vault_secret_id_file and berth.vault_role_id and secret):
            raise CommandError(f"VAULT_ADDR, VAULT_ROLE_ID, VAULT_SECRET_ID_FILE and {SECRET} must be set.")
        sign_in = {"role_id": SETUP, "secret_id": secret}
        wait_for(berth.vault_addr, sign_in)
        try:
            issued = vault_setup.prepare(berth.vault_addr, sign_in)
            name_role(berth.vault_addr, sign_in, berth.vault_role_id)
        except (StartError, OSError, http.client.HTTPException, vault_setup.RefusedError) as problem:
            raise CommandError(f"OpenBao could not be prepared: {problem}") from None
        target = Path(berth.vault_secret_id_file)
        write_secret(target, issued.secret_id)
        self.stdout.write(f"OpenBao is ready; the workers sign in as {berth.vault_role_id} with {target.name}.")


def wait_for(address: str, sign_in: dict[str, str]) -> None:
    """Return when OpenBao lets the set-up account in; CommandError after a minute."""
    end = time.monotonic() + WAIT_SECONDS
    client = vault_setup.Client(address)
    while not client.can_sign_in(sign_in):
        if time.monotonic() > end:
            raise CommandError(
                f"{address} does not let {SETUP} in; is it unsealed, and is {SECRET} the one it began with?"
            )
        time.sleep(0.5)


def name_role(address: str, sign_in: dict[str, str], role_id: str) -> None:
    """Give the workers' role the role-id that their environment already holds."""
    client = vault_setup.Client(address)
    client.sign_in(sign_in)
    client.call("POST", f"{vault_setup.BERTH}/role-id", {"role_id": role_id})
    client.call("POST", "auth/token/revoke-self")
