"""One world for all cases of a file, and a savepoint for each."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from provisioning.models import Environment
from tests.truth import acting, setting, world
from tests.truth.axes import Case

Begun = Callable[[Case], AbstractContextManager[Environment | None]]


@pytest.fixture(scope="module")
def shared(django_db_setup: None, django_db_blocker: Any) -> Iterator[world.World]:
    """One world, in a transaction that never ends well; the database's clock stands still in it, so leases are long."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch, transaction.atomic():
        patch.setattr(settings, "BERTH", replace(settings.BERTH, lease_seconds=86400))
        yield world.make()
        transaction.set_rollback(True)


@pytest.fixture
def begun(shared: world.World) -> Begun:
    """`with begun(case) as environment:` the world as the case wants it; whatever is done there is undone."""

    @contextmanager
    def beginning(case: Case) -> Iterator[Environment | None]:
        with transaction.atomic():
            with setting.set_up(shared, case) as environment:
                acting.override(shared, case, environment)
                yield environment
            transaction.set_rollback(True)

    return beginning
