"""Registers the tables of this app with the history."""

from django.apps import AppConfig

from audit.registry import watch


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        watch("catalog.Source", prefix="source")
        watch("catalog.Template", prefix="template")
        watch("catalog.TemplateVersion", prefix="template_version")
        watch("catalog.Publication", prefix="publication")
