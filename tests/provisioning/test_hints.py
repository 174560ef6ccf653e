"""Hints are many while workers are busy: those of a sweep are soon worth nothing, so that they never pile up."""

import pytest
from celery import current_app

from provisioning.runs.sweep import HINT_SECONDS, sweep
from tests.provisioning.engine import requested

pytestmark = pytest.mark.django_db


def test_what_a_sweep_hints_is_worth_nothing_once_later_sweeps_have_hinted_too(demo, monkeypatch):
    sent = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: sent.append((name, options["expires"])))
    requested(demo)
    sent.clear()
    assert sweep()["hinted"] == 1
    assert sent == [("provisioning.work", HINT_SECONDS)]
    assert HINT_SECONDS <= 5
