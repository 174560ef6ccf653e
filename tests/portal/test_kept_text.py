"""A form with a character that Postgres cannot keep is refused at the door, whoever sends it and wherever to."""

import pytest

from audit.models import AuditEvent
from tests.portal.visitors import plain_static, signed_in

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/access/grants/", "/access/roles/", "/windows/stops/", "/settings/tokens/", "/no/"])
@pytest.mark.parametrize("form", [{"reason": "a\x00b"}, {"what": ["a", "b\x00"]}, {"rea\x00son": "a"}])
def test_a_form_with_nul_is_refused_and_nothing_is_written(demo, settings, path, form):
    plain_static(settings)
    client, told = signed_in(demo.pia), AuditEvent.objects.count()
    answer = client.post(path, form)
    said = (404, False) if path == "/no/" else (422, True)
    assert (answer.status_code, "request.text" in answer.content.decode()) == said
    assert AuditEvent.objects.count() == told


def test_nobody_who_is_not_signed_in_breaks_the_page_of_signing_in_by_it(settings):
    plain_static(settings)
    answer = signed_in(None).post("/signin/", {"username": "mara\x00", "password": "x"})
    assert (answer.status_code, "request.text" in answer.content.decode()) == (422, True)
