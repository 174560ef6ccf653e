"""Addresses of the pipelines pages."""

from django.urls import path

from portal.views import pipelines

urlpatterns = [
    path("", pipelines.pipelines, name="pipelines"),
    path("<slug:slug>/", pipelines.pipeline, name="pipeline"),
    path("<slug:slug>/releases/new/", pipelines.release_new, name="release_new"),
    path("<slug:slug>/move/", pipelines.release_move, name="release_move"),
]
