"""Addresses of environments and what is asked of them."""

from django.urls import URLPattern, path

from portal.views import environment_acts, environment_unlock, environments, secrets

urlpatterns: list[URLPattern] = [
    path("", environments.environments, name="environments"),
    path("<uuid:pk>/", environments.environment, name="environment"),
    path("<uuid:pk>/extend/", environment_acts.extend, name="environment_extend"),
    path("<uuid:pk>/check/", environment_acts.check, name="environment_check"),
    path("<uuid:pk>/delete-record/", environment_acts.delete_record, name="environment_delete_record"),
    path("<uuid:pk>/ask/<slug:kind>/", environment_acts.ask, name="environment_ask"),
    path("<uuid:pk>/state/unlock/", environment_unlock.unlock, name="environment_unlock"),
    path("<uuid:pk>/secrets/<str:name>/reveal/", secrets.reveal, name="secret_reveal"),
    path("<uuid:pk>/<slug:tab>/", environments.environment, name="environment_tab"),
]
