"""App configuration. Read models over recorded facts; no tables of its own yet."""

from django.apps import AppConfig


class ObservabilityConfig(AppConfig):
    name = "observability"
