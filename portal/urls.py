"""Every route of the portal. tests/portal/test_role_matrix.py knows each of them."""

from django.urls import include, path

from portal.views import status

urlpatterns = [
    path("healthz", status.healthz, name="healthz"),
    path("readyz", status.readyz, name="readyz"),
    path("", include("portal.routes.people")),
    path("catalogue/", include("portal.routes.catalogue")),
    path("environments/", include("portal.routes.environments")),
    path("", include("portal.routes.approval_rules")),
    path("", include("portal.routes.operations")),
    path("inventory/", include("portal.routes.inventory")),
    path("access/", include("portal.routes.access")),
    path("waivers/", include("portal.routes.waivers")),
    path("inbox/", include("portal.routes.approvals")),
    path("pipelines/", include("portal.routes.pipelines")),
    path("", include("portal.routes.governance")),
    path("quotas/", include("portal.routes.limits")),
    path("windows/", include("portal.routes.windows")),
    path("history/", include("portal.routes.history")),
    path("webhooks/", include("portal.routes.webhooks")),
    path("api/", include("portal.routes.api")),
]

handler403 = "portal.views.errors.forbidden"
handler404 = "portal.views.errors.not_found"
handler500 = "portal.views.errors.failed"
