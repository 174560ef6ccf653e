"""Addresses of governance."""

from django.urls import URLPattern, path

from portal.views import governance

urlpatterns: list[URLPattern] = [path("governance/", governance.governance, name="governance")]
