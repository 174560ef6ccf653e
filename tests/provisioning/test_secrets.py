"""Revealing a secret: authorised and recorded before anything is read, with a reason, never with the value."""

import pytest
from django.utils import timezone

from audit.context import context
from audit.models import AuditEvent
from provisioning.actions.secrets import Grant, authorise_reveal
from provisioning.models import SecretBinding
from tests.hostile import everything
from tests.provisioning.test_states import environment_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def bound(demo):
    environment = environment_in(demo, "ready")
    with context(by="system:test"):
        SecretBinding.objects.create(
            environment=environment,
            team=demo.payments,
            name="dsn",
            path="env/payments-api-dev/dsn",
            version=3,
            written_at=timezone.now(),
        )
    return environment


@pytest.mark.parametrize("person", ["mara", "ines"])
def test_a_reveal_is_recorded_with_who_what_and_why_before_it_is_read(demo, bound, person):
    by = getattr(demo, person)
    grant = authorise_reveal(by=by, environment=bound, name="dsn", reason=" job 17 fails ")
    assert isinstance(grant, Grant)
    event = AuditEvent.objects.get(event="secret.revealed")
    assert (event.actor, event.object, event.reason) == (by.audit_ref, bound.ref, "job 17 fails")
    assert event.scope == f"team:{demo.payments.pk}"
    assert event.data == {"name": "dsn", "path": "env/payments-api-dev/dsn", "version": 3}


@pytest.mark.parametrize("reason", ["", "    ", "why", "a\x00bcdefg"])
def test_without_a_reason_nothing_is_granted_or_recorded(demo, bound, reason):
    before = everything()
    answer = authorise_reveal(by=demo.mara, environment=bound, name="dsn", reason=reason)
    assert (bool(answer), answer.status) == (False, 422)
    assert everything() == before


def test_a_grant_to_operate_a_team_reveals_no_secret(demo, bound):
    from policies import permissions

    with context(by=demo.ines):
        assert permissions.grant(by=demo.ines, to=demo.olaf, team=demo.payments, name="operate_team")
    answer = authorise_reveal(by=demo.olaf, environment=bound, name="dsn", reason="job 17 fails")
    assert answer.rule == "role.reveal_secret"
