"""Django app configuration of the history: lists audit's own tables in the registry, nothing else."""

from django.apps import AppConfig

from audit.registry import exempt


class AuditConfig(AppConfig):
    """Append-only history and the outbox."""

    name = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """State why the history does not watch itself."""
        exempt("audit.AuditEvent", reason="it is the history; privileges and triggers make it append-only")
        exempt("audit.OutboxEvent", reason="delivery state; what it announces is recorded where it happens")
