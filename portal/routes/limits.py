"""Addresses of quotas and budgets."""

from django.urls import URLPattern, path

from portal.views import limits

urlpatterns: list[URLPattern] = [
    path("", limits.quotas, name="quotas"),
    path("new/", limits.quota_new, name="quota_new"),
    path("<int:pk>/", limits.quota, name="quota"),
]
