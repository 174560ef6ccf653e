"""Addresses of the operation pages, their streams, the queue, the targets, and the global search."""

from django.urls import path

from portal.views import operations, orphans, queue, search, streams, targets

urlpatterns = [
    path("operations/<uuid:pk>/", operations.operation, name="operation"),
    path("operations/<uuid:pk>/cancel/", operations.operation_cancel, name="operation_cancel"),
    path("operations/<uuid:pk>/force-cancel/", operations.operation_force, name="operation_force"),
    path("operations/<uuid:pk>/retry/", operations.operation_retry, name="operation_retry"),
    path("operations/<uuid:pk>/log-lines/", operations.operation_log, name="operation_log"),
    path("operations/<uuid:pk>/<slug:tab>/", operations.operation_tab, name="operation_tab"),
    path("orphans/", orphans.orphans, name="orphans"),
    path("orphans/<int:pk>/retry/", orphans.orphan_retry, name="orphan_retry"),
    path("orphans/<int:pk>/removed/", orphans.orphan_removed, name="orphan_removed"),
    path("streams/operations/<uuid:pk>/", streams.operation_stream, name="operation_stream"),
    path("queue/", queue.queue, name="queue"),
    path("targets/", targets.targets, name="targets"),
    path("targets/<slug:slug>/", targets.target, name="target"),
    path("targets/<slug:slug>/check/", targets.target_check, name="target_check"),
    path("targets/<slug:slug>/credentials/", targets.target_credentials, name="target_credentials"),
    path("targets/<slug:slug>/retire/", targets.target_retire, name="target_retire"),
    path("search/", search.search, name="search"),
]
