"""Addresses of the environments pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
