"""The rows of the role matrix whose answers need what is committed; the others are in test_role_matrix.py."""

import pytest

from tests.portal.routes import PERSONAS, ROWS, Row
from tests.portal.test_role_matrix import answered, made_world


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("row", [row for row in ROWS if row.committed], ids=lambda row: f"{row.method} {row.route}")
def test_each_persona_gets_it_of_what_is_committed(demo, monkeypatch, row: Row):
    world = made_world(demo, monkeypatch)
    got = {persona: answered(world, row, persona) for persona in PERSONAS}
    assert got == {persona: row.expected(persona) for persona in PERSONAS}
