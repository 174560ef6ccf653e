"""Addresses that other systems call."""

from django.urls import path

from portal.webhooks import admission

urlpatterns = [
    path("admission/<slug:slug>/", admission.review, name="webhook_admission"),
    path("admission/<slug:slug>/<str:token>/", admission.review, name="webhook_admission_by_address"),
]
