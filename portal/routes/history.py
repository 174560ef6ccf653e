"""Addresses of the history pages."""

from django.urls import path

from portal.views import history

urlpatterns = [
    path("", history.history, name="history"),
    path("<int:id>/", history.history_event, name="history_event"),
    path("export/<slug:format>/", history.history_export, name="history_export"),
]
