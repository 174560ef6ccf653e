"""Every route of the portal."""

from django.urls import path

from portal.views import status

urlpatterns = [
    path("healthz", status.healthz, name="healthz"),
    path("readyz", status.readyz, name="readyz"),
]
