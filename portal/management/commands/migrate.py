"""Django's migrate, followed by what the owner keeps in step with the code: history triggers and status guards."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from audit import triggers
from audit.partitions import ensure_partitions
from provisioning import guards


class Command(migrate.Command):
    """Run as the owner (DJANGO_OWNER=1)."""

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        connection = connections[options["database"]]
        if options.get("app_label") or options.get("plan") or options.get("check_unapplied"):
            return
        guards.sync(connection)
        triggers.sync(connection)
        ensure_partitions()
