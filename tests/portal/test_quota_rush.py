"""Fifty connections at once, forms and API mixed, against a quota with room for ten."""

import http.client
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import pytest
from django.core.servers.basehttp import WSGIServer
from pytest_django.live_server_helper import LiveServer

from audit.context import context
from policies import quotas, tokens
from policies.models import Quota, QuotaReservation
from provisioning import holdings
from provisioning.actions.sign import reject
from provisioning.models import Environment, Operation
from tests.people import Demo
from tests.portal.visitors import plain_static, signed_in
from tests.provisioning.engine import ask, drain, requested

ASK = "/catalogue/web-service/request/"
Answer = tuple[int, str]


class Rush:
    """Sends requests to a server that listens, each over a connection of its own."""

    def __init__(self, url: str, demo: Demo) -> None:
        self.address = urlsplit(url).netloc
        made = tokens.create(by=demo.mara, name="rush", scopes=["operate"], days=1)
        assert isinstance(made, tuple)
        self.token = made[1]
        browser = signed_in(demo.mara)
        page = browser.get(ASK).content.decode()
        self.csrf = re.findall('name="csrfmiddlewaretoken" value="([^"]+)"', page)[0]
        self.cookie = "; ".join(f"{name}={value.value}" for name, value in browser.cookies.items())

    def by_api(self, number: int) -> Answer:
        body = {"kind": "create", "service": "payments-api", "template": "web-service", "tier": "dev", "reason": ""}
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return self._post("/api/v1/operations/", json.dumps({**body, "name": f"rush-{number}"}), headers)

    def by_form(self, number: int) -> Answer:
        body = {"key": f"k{number}", "service": "payments-api", "tier": "dev", "name": f"rush-{number}"}
        body |= {"csrfmiddlewaretoken": self.csrf, "p-size": "S", "p-greeting": "hi"}
        headers = {"Cookie": self.cookie, "Content-Type": "application/x-www-form-urlencoded"}
        return self._post(ASK, urlencode(body), headers)

    def _post(self, path: str, body: str, headers: dict[str, str]) -> Answer:
        client = http.client.HTTPConnection(self.address, timeout=60)
        try:
            client.request("POST", path, body, headers)
            answer = client.getresponse()
            return answer.status, answer.read().decode()
        finally:
            client.close()


def at_once(calls: list[Callable[[], Answer]]) -> list[Answer]:
    """The answers to all calls, made at the same moment."""
    answers: list[Answer] = []
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Answer]) -> None:
        barrier.wait(timeout=20)
        answers.append(call())

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
    return answers


def held(demo: Demo) -> int:
    return int(quotas.held(demo.payments, "environments"))


@pytest.fixture
def server(transactional_db, monkeypatch, settings):
    """A server with a thread for each connection, and room for all of them in its line."""
    monkeypatch.setattr(WSGIServer, "request_queue_size", 64)
    settings.ALLOWED_HOSTS = ["*"]
    plain_static(settings)
    running = LiveServer("127.0.0.1")
    yield running
    running.stop()


@pytest.fixture
def rushed(demo: Demo, server) -> list[Answer]:
    """Ten may pass."""
    with context(by="system:test"):
        Quota.objects.update(limit=10)
    rush = Rush(server.url, demo)
    ways = [rush.by_api, rush.by_form]
    return at_once([lambda n=n: ways[n % 2](n) for n in range(50)])


@pytest.mark.django_db(transaction=True)
def test_f7_of_fifty_at_once_exactly_ten_pass_and_every_way_out_gives_back(demo, rushed):
    assert Counter(status for status, _ in rushed) == {201: 10 - _forms(rushed), 302: _forms(rushed), 409: 40}
    refused = [text for status, text in rushed if status == 409]
    assert all("Payments uses 10 of 10 environments; this needs 1 more." in text for text in refused)
    assert all("quota.environments" in text for text in refused)
    assert (held(demo), Environment.objects.count(), Operation.objects.count()) == (10, 10, 10)
    drain(100)
    for environment in Environment.objects.order_by("name")[:3]:
        ask(demo, environment, "destroy")
    drain(100)
    assert held(demo) == 7
    prod = requested(demo, name="rush-prod", tier="prod")
    drain(10)
    prod.refresh_from_db()
    assert held(demo) == 8
    assert reject(by=demo.jonas, operation=prod, digest=prod.change_digest, reason="No")
    assert (held(demo), holdings.differences()) == (7, [])
    given = QuotaReservation.objects.exclude(released_at=None).filter(metric="environments")
    assert given.count() == given.values("subject").distinct().count() == 4


def _forms(answers: list[Answer]) -> int:
    return sum(status == 302 for status, _ in answers)
