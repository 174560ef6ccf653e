"""Addresses of the inventory."""

from django.urls import URLPattern, path

from portal.views import inventory

urlpatterns: list[URLPattern] = [
    path("", inventory.inventory_page, name="inventory"),
    path("export/", inventory.inventory_export, name="inventory_export"),
    path("import/", inventory.inventory_import, name="inventory_import"),
    path("assign/", inventory.inventory_assign, name="inventory_assign"),
    path("adopt/", inventory.inventory_adopt, name="inventory_adopt"),
]
