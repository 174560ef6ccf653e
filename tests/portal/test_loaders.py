"""The only door to an object: what is not the viewer's looks like what does not exist."""

import pytest
from django.http import Http404

from audit.context import context
from portal import loaders
from provisioning.models import Operation
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment(demo):
    return people.environment(demo)


def test_an_environment_is_found_by_its_team_and_by_nobody_else(demo, environment):
    assert loaders.environment(demo.vera, environment.pk) == environment
    with pytest.raises(Http404):
        loaders.environment(demo.olaf, environment.pk)


def test_an_operation_is_found_by_its_team_and_by_nobody_else(demo, environment):
    with context(by="system:test"):
        operation = Operation.objects.create(kind="create", environment=environment, team=demo.payments, tier="dev")
    assert loaders.operation(demo.vera, operation.pk) == operation
    with pytest.raises(Http404):
        loaders.operation(demo.olaf, operation.pk)
