"""Addresses of the inbox, of signing like plans, and of the approval page with its conversation."""

from django.urls import path

from portal.views import approvals, bulk, inbox, talk

urlpatterns = [
    path("", inbox.inbox, name="inbox"),
    path("bulk/", bulk.inbox_bulk, name="inbox_bulk"),
    path("bulk/approve/", bulk.inbox_bulk_approve, name="inbox_bulk_approve"),
    path("<uuid:pk>/", approvals.approval, name="approval"),
    path("<uuid:pk>/decide/", approvals.approval_decide, name="approval_decide"),
    path("<uuid:pk>/comment/", talk.approval_comment, name="approval_comment"),
    path("<uuid:pk>/answer/", talk.approval_answer, name="approval_answer"),
    path("<uuid:pk>/resume/", talk.approval_resume, name="approval_resume"),
    path("<uuid:pk>/review/", talk.approval_review, name="approval_review"),
    path("<uuid:pk>/edit/", talk.approval_edit, name="approval_edit"),
]
