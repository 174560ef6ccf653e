"""Addresses of the API. Any other address below /api/ answers a problem."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny

from portal.api.base import NotThere
from portal.api.docs import docs
from portal.api.views import (
    decided,
    environments,
    history,
    inventory,
    operations,
    orphans,
    people,
    policies,
    pools,
    sources,
    states,
    targets,
    terraform_state,
    things,
)

Route = URLPattern | URLResolver
one = "operations/<uuid:pk>/"
home = "environments/<uuid:pk>/"
v1: list[Route] = [
    path("me/", people.Me.as_view(), name="me"),
    path("tokens/", people.Tokens.as_view(), name="tokens"),
    path("tokens/<int:pk>/", people.TokenDetail.as_view(), name="token"),
    path("factors/", people.Factors.as_view(), name="factors"),
    path("factors/<int:pk>/", people.FactorDetail.as_view(), name="factor"),
    path("operations/", operations.Operations.as_view(), name="operations"),
    path("operations/preview/", operations.OperationPreview.as_view(), name="operation_preview"),
    path(one, operations.OperationDetail.as_view(), name="operation"),
    path(f"{one}approve/", decided.Approve.as_view(), name="operation_approve"),
    path(f"{one}reject/", decided.Reject.as_view(), name="operation_reject"),
    path(f"{one}cancel/", decided.Cancel.as_view(), name="operation_cancel"),
    path(f"{one}force-cancel/", orphans.ForceCancel.as_view(), name="operation_force_cancel"),
    path(f"{one}retry/", decided.Retry.as_view(), name="operation_retry"),
    path(f"{one}log/", decided.Log.as_view(), name="operation_log"),
    path(f"{one}decisions/", decided.Decisions.as_view(), name="operation_decisions"),
    path(f"{one}signatures/", decided.Signatures.as_view(), name="operation_signatures"),
    path("environments/", environments.Environments.as_view(), name="environments"),
    path(home, environments.EnvironmentDetail.as_view(), name="environment"),
    path(f"{home}extend/", environments.Extend.as_view(), name="environment_extend"),
    path(f"{home}lifetime/", environments.Lifetime.as_view(), name="environment_lifetime"),
    path(f"{home}check/", orphans.Check.as_view(), name="environment_check"),
    path(f"{home}delete-record/", orphans.DeleteRecord.as_view(), name="environment_delete_record"),
    path(f"{home}secrets/", environments.Secrets.as_view(), name="environment_secrets"),
    path(f"{home}secrets/<slug:name>/reveal/", environments.Reveal.as_view(), name="secret_reveal"),
    path("orphans/", orphans.Orphans.as_view(), name="orphans"),
    path("orphans/<int:pk>/retry/", orphans.OrphanRetry.as_view(), name="orphan_retry"),
    path("orphans/<int:pk>/removed/", orphans.OrphanRemoved.as_view(), name="orphan_removed"),
    path(f"{home}state/", states.EnvironmentState.as_view(), name="environment_state"),
    path(f"{home}state/unlock/", states.EnvironmentUnlock.as_view(), name="environment_unlock"),
    path("services/", things.Services.as_view(), name="services"),
    path("teams/", things.Teams.as_view(), name="teams"),
    path("teams/<slug:slug>/", things.TeamDetail.as_view(), name="team"),
    path("templates/", things.Templates.as_view(), name="templates"),
    path("templates/<slug:slug>/", things.TemplateDetail.as_view(), name="template"),
    path("templates/<slug:slug>/versions/", things.TemplateVersions.as_view(), name="template_versions"),
    path("inventory/", inventory.Inventory.as_view(), name="inventory"),
    path("inventory/imports/", inventory.InventoryImports.as_view(), name="inventory_imports"),
    path("inventory/scan/", inventory.InventoryScan.as_view(), name="inventory_scan"),
    path("inventory/assign/", inventory.InventoryAssign.as_view(), name="inventory_assign"),
    path("inventory/adopt/", inventory.InventoryAdopt.as_view(), name="inventory_adopt"),
    path("policy/bundles/", policies.Bundles.as_view(), name="policy_bundles"),
    path("policy/bundles/<int:pk>/", policies.BundleDetail.as_view(), name="policy_bundle"),
    path("policy/bundles/<int:pk>/act/", policies.BundleAct.as_view(), name="policy_bundle_act"),
    path("policy/decisions/", policies.Decisions.as_view(), name="policy_decisions"),
    path("policy/check/", policies.Check.as_view(), name="policy_check"),
    path("pools/", pools.Pools.as_view(), name="pools"),
    path("pools/<uuid:pk>/size/", pools.PoolSize.as_view(), name="pool_size"),
    path("sources/", sources.Sources.as_view(), name="sources"),
    path("sources/<slug:slug>/sync/", sources.SourceSync.as_view(), name="source_sync"),
    path("queue/", targets.Queue.as_view(), name="queue"),
    path("targets/", targets.Targets.as_view(), name="targets"),
    path("targets/<slug:slug>/", targets.TargetDetail.as_view(), name="target"),
    path("targets/<slug:slug>/check/", targets.Check.as_view(), name="target_check"),
    path("targets/<slug:slug>/credentials/", targets.Credentials.as_view(), name="target_credentials"),
    path("targets/<slug:slug>/retire/", targets.Retire.as_view(), name="target_retire"),
    path("releases/", things.Releases.as_view(), name="releases"),
    path("pipelines/<slug:slug>/", things.PipelineDetail.as_view(), name="pipeline"),
    path("inbox/", things.Inbox.as_view(), name="inbox"),
    path("access/", include("portal.routes.access_api")),
    path("history/", history.History.as_view(), name="history"),
    path("history/export/", history.HistoryExport.as_view(), name="history_export"),
]
schema = SpectacularAPIView.as_view(permission_classes=[AllowAny])
urls: list[Route] = [
    path("schema/", schema, name="schema"),
    path("docs/", docs, name="docs"),
    path("v1/", include(v1)),
    path("terraform/state/<uuid:pk>/", terraform_state.State.as_view(), name="terraform_state"),
    re_path(r"^(?P<rest>.*)$", NotThere.as_view(), name="nothing"),
]
urlpatterns = [path("", include((urls, "api")))]
