"""Addresses of the catalogue and the request form."""

from django.urls import URLPattern, path

from portal.views import catalogue, request, sources

urlpatterns: list[URLPattern] = [
    path("", catalogue.catalogue, name="catalogue"),
    path("sources/", sources.sources, name="sources"),
    path("sources/<slug:slug>/sync/", sources.source_sync, name="source_sync"),
    path("<slug:slug>/", catalogue.template, name="template"),
    path("<slug:slug>/request/", request.request_page, name="request"),
    path("<slug:slug>/request/check/", request.preview, name="request_preview"),
]
