"""The same requests as people and programs make them: the forms of the pages, and JSON with a token."""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.test import Client

from policies import tokens
from policies.access import machines
from policies.models import User
from provisioning.models import Environment, Operation
from tests.portal.visitors import signed_in
from tests.truth.acting import name_of_new
from tests.truth.axes import Case
from tests.truth.oracle import ASKERS
from tests.truth.setting import lifetime_of, version_of
from tests.truth.world import World

Answer = dict[str, Any]


@dataclass
class Pages:
    """What a browser sends, and what its page says. A rule is looked for in the text that the person reads."""

    world: World
    clients: dict[str, Client] = field(default_factory=dict)

    def client(self, name: str) -> Client:
        """The signed-in browser of a person, kept for the next case."""
        return self.clients.setdefault(name, signed_in(self.world.people[name]))

    def ask(self, case: Case, environment: Environment | None, wanted: Answer) -> tuple[Answer, UUID | None]:
        """Send the form of the case's kind."""
        client = self.client(ASKERS[case["requester"]])
        if environment is None:
            answer = client.post(f"/catalogue/{slug_of(self.world, case)}/request/", _request_form(case))
        elif case["kind"] in ("deploy", "promote", "rollback"):
            form = {"kind": case["kind"], "environment": environment.pk, "release": self.world.releases["next"].pk}
            answer = client.post("/pipelines/payments-api/move/", form)
        else:
            form = {"p-size": "L", "confirm": environment.name}
            answer = client.post(f"/environments/{environment.pk}/ask/{case['kind']}/", form)
        if answer.status_code == 302:
            return {"status": 201, "rule": "", "field": ""}, UUID(answer["Location"].split("/")[-2])
        return _said(answer, wanted), None

    def decide(self, who: str, operation: Operation, digest: str, how: str) -> str:
        """Press a button of the approval page; the rule that refused, or what it came to."""
        form = {"digest": digest, "decision": "reject" if how == "reject" else "approve", "reason": "No."}
        answer = self.client(who).post(f"/inbox/{operation.pk}/decide/", form)
        if answer.status_code == 302:
            return "rejected" if how == "reject" else "signed"
        if answer.status_code == 404:
            return "request.found"
        return re.findall(r"rule <code>(approval\.[a-z_]+)</code>", answer.content.decode())[0]


def _request_form(case: Case) -> dict[str, Any]:
    hours = lifetime_of(case)
    days = "" if hours is None else hours // 24
    named = {"service": "payments-api", "tier": case["tier"], "name": name_of_new(case)}
    return {"key": "k" * 32, **named, "p-size": "M", "ttl_days": days, "reason": ""}


def _said(answer: Any, wanted: Answer) -> Answer:
    """The status; and the wanted rule and field where the page names both, else what it names instead."""
    if answer.status_code == 404:
        return {"status": 404, "rule": "request.found", "field": ""}
    text = re.sub(r" = [^<]*</code>", "</code>", answer.content.decode())
    pairs = re.findall(r"rule <code>([\w.]+)</code>, field <code>([\w.]+)</code>", text)
    found = (wanted["rule"], wanted["field"]) if (wanted["rule"], wanted["field"]) in pairs else pairs
    rule, name = found if isinstance(found, tuple) else ("", pairs)
    return {"status": answer.status_code, "rule": rule, "field": name}


@dataclass
class Programs:
    """What a program sends with a token, and the problem that it gets."""

    world: World
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, name: str) -> str:
        """The token of a person or machine, kept for the next case."""
        if name not in self.tokens:
            self.tokens[name] = _minted(self.world, self.world.people[name])
        return self.tokens[name]

    def post(self, who: str, path: str, body: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {self.token(who)}"}
        sent = json.dumps(body, default=str)
        return Client().post(f"/api/v1/{path}", sent, content_type="application/json", headers=headers)

    def ask(self, case: Case, environment: Environment | None, wanted: Answer) -> tuple[Answer, UUID | None]:
        """Post the case's operation."""
        answer = self.post(ASKERS[case["requester"]], "operations/", _body(self.world, case, environment))
        said = answer.json()
        if answer.status_code == 201:
            return {"status": 201, "rule": "", "field": ""}, UUID(said["id"])
        return {"status": answer.status_code, "rule": said["rule"], "field": said["field"]}, None

    def decide(self, who: str, operation: Operation, digest: str, how: str) -> str:
        """Sign or reject; the rule that refused, or what it came to."""
        act = "reject" if how == "reject" else "approve"
        answer = self.post(who, f"operations/{operation.pk}/{act}/", {"digest": digest, "reason": "No."})
        if answer.status_code == 200:
            return "rejected" if how == "reject" else "signed"
        return str(answer.json()["rule"])


def _body(world: World, case: Case, environment: Environment | None) -> dict[str, Any]:
    kind = {"kind": case["kind"]}
    if environment is None:
        named = {"service": "payments-api", "template": slug_of(world, case), "name": name_of_new(case)}
        return {**kind, **named, "tier": case["tier"], "parameters": {"size": "M"}, "ttl_hours": lifetime_of(case)}
    more: dict[str, dict[str, Any]] = {
        "update": {"parameters": {"size": "L"}},
        "destroy": {"confirm": environment.name},
        "deploy": {"release": world.releases["next"].pk},
        "promote": {"release": world.releases["next"].pk},
    }
    return {**kind, "environment": environment.pk, **more.get(case["kind"], {})}


def slug_of(world: World, case: Case) -> str:
    """The template that the case asks for."""
    return world.versions[version_of(case)].template.slug


def _minted(world: World, user: User) -> str:
    scopes = ["read", "operate", "approve"]
    if user.is_service:
        made: Any = machines.mint(by=world.demo.ines, machine=user, name="table", scopes=scopes[:2], days=1)
    else:
        made = tokens.create(by=user, name="table", scopes=scopes, days=1)
    assert isinstance(made, tuple), made
    return str(made[1])
