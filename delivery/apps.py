"""Registers the tables of this app with the history, and its operation kinds with provisioning."""

from django.apps import AppConfig

from audit.registry import watch


class DeliveryConfig(AppConfig):
    name = "delivery"

    def ready(self) -> None:
        watch("delivery.Release", prefix="release", scope="team_id")

        from delivery import operation_kinds

        operation_kinds.register_all()
