"""Addresses of waivers."""

from django.urls import URLPattern, path

from portal.views import waivers

urlpatterns: list[URLPattern] = [
    path("", waivers.waivers, name="waivers"),
    path("new/", waivers.waiver_new, name="waiver_new"),
    path("<int:pk>/", waivers.waiver, name="waiver"),
    path("<int:pk>/grant/", waivers.waiver_grant, name="waiver_grant"),
    path("<int:pk>/refuse/", waivers.waiver_refuse, name="waiver_refuse"),
    path("<int:pk>/withdraw/", waivers.waiver_withdraw, name="waiver_withdraw"),
]
