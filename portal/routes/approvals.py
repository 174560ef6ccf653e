"""Addresses of the inbox and the approval page."""

from django.urls import path

from portal.views import approvals

urlpatterns = [
    path("", approvals.inbox, name="inbox"),
    path("<uuid:pk>/", approvals.approval, name="approval"),
    path("<uuid:pk>/decide/", approvals.approval_decide, name="approval_decide"),
]
