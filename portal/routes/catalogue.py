"""Addresses of the catalogue and the request form."""

from django.urls import URLPattern, path

from portal.views import catalogue, request

urlpatterns: list[URLPattern] = [
    path("", catalogue.catalogue, name="catalogue"),
    path("<slug:slug>/", catalogue.template, name="template"),
    path("<slug:slug>/request/", request.request_page, name="request"),
    path("<slug:slug>/request/check/", request.preview, name="request_preview"),
]
