"""Addresses that other systems call. A slash at the end is optional: API servers cut it off."""

from django.urls import re_path

from portal.webhooks import admission

urlpatterns = [
    re_path(r"^admission/(?P<slug>[a-z0-9-]+)/?$", admission.review, name="webhook_admission"),
    re_path(
        r"^admission/(?P<slug>[a-z0-9-]+)/(?P<token>[\w-]+)/?$", admission.review, name="webhook_admission_by_address"
    ),
]
