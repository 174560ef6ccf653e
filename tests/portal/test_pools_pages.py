"""The page of a template shows what is kept ready of it, to those who may see the service."""

import pytest

from tests.portal.api import made
from tests.portal.visitors import signed_in

pytestmark = pytest.mark.django_db


def test_a_template_shows_what_is_kept_ready_to_those_who_may_see_it(demo):
    made.pool(demo)
    pages = [signed_in(by).get("/catalogue/web-service/").content.decode() for by in (demo.mara, demo.tomasz)]
    assert ["Kept ready" in page for page in pages] == [True, False]
    assert "Mon 00–24 UTC" in pages[0]
