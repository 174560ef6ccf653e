"""Addresses of windows, stopped lines and switches."""

from django.urls import URLPattern, path

from portal.views import stops, windows

urlpatterns: list[URLPattern] = [
    path("", windows.window_list, name="windows"),
    path("new/", windows.window_new, name="window_new"),
    path("<int:pk>/", windows.window, name="window"),
    path("<int:pk>/retire/", windows.window_retire, name="window_retire"),
    path("stops/", stops.stops, name="stops"),
    path("stops/<int:pk>/lift/", stops.stop_lift, name="stop_lift"),
    path("switches/", stops.switches, name="switches"),
    path("switches/<slug:name>/end/", stops.switch_end, name="switch_end"),
]
