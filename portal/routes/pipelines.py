"""Addresses of the pipelines pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
