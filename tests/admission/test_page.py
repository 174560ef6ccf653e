"""The page of a cluster says how long it waits for an answer, and what it does without one."""

import pytest
from django.urls import reverse

from audit.context import context
from provisioning import admission_hooks
from provisioning.models import AdmissionHook
from tests.admission.reviews import hooked
from tests.portal.visitors import plain_static, signed_in

pytestmark = pytest.mark.django_db


def page(demo, settings):
    plain_static(settings)
    return signed_in(demo.pia).get(reverse("target", args=["eu-1"])).content.decode()


def test_it_shows_the_latency_and_the_clusters_choice(demo, settings):
    at = hooked(demo, fails_open=True)
    for micros in (2000, 4000, 4000):
        admission_hooks.note(at.hook, micros=micros, allowed=micros == 4000)
    shown = page(demo, settings)
    assert "<dd>4.0 ms</dd>" in shown
    assert "<dd>3, 1</dd>" in shown
    assert "<dd>admits, after 3 s</dd>" in shown


def test_it_says_that_a_cluster_does_not_ask(demo, settings):
    at = hooked(demo)
    with context(by="system:test"):
        AdmissionHook.objects.filter(target=at.target).delete()
    assert "This cluster does not ask before it admits objects." in page(demo, settings)
