"""Addresses of quotas and budgets."""

from django.urls import URLPattern, path

from portal.views import budgets, limits

urlpatterns: list[URLPattern] = [
    path("", limits.quotas, name="quotas"),
    path("new/", limits.quota_new, name="quota_new"),
    path("budgets/new/", budgets.budget_new, name="budget_new"),
    path("budgets/<int:pk>/", budgets.budget, name="budget"),
    path("<int:pk>/", limits.quota, name="quota"),
]
