"""Addresses of approval rules, of standing in, and of emergencies."""

from django.urls import URLPattern, path

from portal.views import absences, approval_rules

home = "approval-rules/"
urlpatterns: list[URLPattern] = [
    path(home, approval_rules.approval_rules, name="approval_rules"),
    path(f"{home}new/", approval_rules.approval_rule_new, name="approval_rule_new"),
    path(f"{home}rule/<slug:slug>/", approval_rules.approval_rule, name="approval_rule"),
    path(f"{home}rule/<slug:slug>/edit/", approval_rules.approval_rule_edit, name="approval_rule_edit"),
    path(f"{home}rule/<slug:slug>/switch/", approval_rules.approval_rule_switch, name="approval_rule_switch"),
    path(f"{home}delegations/", absences.delegations, name="delegations"),
    path(f"{home}delegations/<int:pk>/end/", absences.delegation_end, name="delegation_end"),
    path(f"{home}emergencies/<int:pk>/review/", absences.emergency_review, name="emergency_review"),
    path("operations/<uuid:pk>/break-glass/", absences.break_glass, name="break_glass"),
]
