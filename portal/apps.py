"""App configuration of the composition root."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        from portal import deliveries

        deliveries.subscribe_all()
