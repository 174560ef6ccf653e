"""Addresses of the history pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
