"""Addresses of governance and of its policies."""

from django.urls import URLPattern, path

from portal.views import decisions, governance, policies, policy_forms

urlpatterns: list[URLPattern] = [
    path("governance/", governance.governance, name="governance"),
    path("policies/", policies.policies, name="policies"),
    path("policies/rules/new/", policy_forms.policy_rule_new, name="policy_rule_new"),
    path("policies/rules/<slug:slug>/remove/", policy_forms.policy_rule_remove, name="policy_rule_remove"),
    path("policies/rules/<str:rule>/", policies.policy_rule, name="policy_rule"),
    path("policies/bundles/", policies.policy_bundles, name="policy_bundles"),
    path("policies/bundles/<int:pk>/", policies.policy_bundle, name="policy_bundle"),
    path("policies/sources/", policies.policy_source, name="policy_source"),
    path("policies/decisions/", decisions.policy_decisions, name="policy_decisions"),
    path("policies/decisions/<int:pk>/", decisions.policy_decision, name="policy_decision"),
    path("policies/findings/", decisions.policy_findings, name="policy_findings"),
]
