"""The main job from request to evidence, step by step. Each step asserts what a person would look at."""

import json
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from portal.demo.person import Person, Refused


class Unexpected(Exception):
    """The portal did something else than it should."""


def expect(holds: object, sentence: str) -> None:
    """Stop the journey unless it holds."""
    if not holds:
        raise Unexpected(sentence)


@dataclass
class Journey:
    """What one run has made so far; names carry `tag` so that runs do not meet."""

    base: str
    passwords: Mapping[str, str]
    tag: str
    people: dict[str, Person] = field(default_factory=dict)
    environments: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, urllib.parse.SplitResult] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def person(self, name: str) -> Person:
        if name not in self.people:
            self.people[name] = Person(self.base, name, self.passwords[name])
        return self.people[name]

    @property
    def mara(self) -> Person:
        return self.person("mara")

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Every step in order, with what it says when it went well."""
        return [
            ("Sign in as developer", self.sign_in),
            ("Request a dev environment", self.request_dev),
            ("Policy decided, provisioned live", self.provisioned),
            ("Reach the workload", self.reach),
            ("Read a secret with the AppRole", self.secret),
            ("Request prod", self.request_prod),
            ("Requester tries to approve, refused", self.own_approval),
            ("Two approvers sign", self.two_sign),
            ("Prod provisioned", self.prod_provisioned),
            ("Deploy a release to dev, promote it to prod", self.promote),
            ("Promote the next release", self.promote_next),
            ("Roll prod back", self.roll_back),
            ("Lifetime passes, suspended", self.expire),
            ("Extended and resumed", self.resume),
            ("Destroyed", self.destroy),
            ("Auditor exports the history and finds every step", self.evidence),
        ]

    def sign_in(self) -> str:
        me = self.mara.get("me/")
        expect(me["username"] == "mara", "signed in as somebody else")
        return str(me["name"])

    def _create(self, tier: str) -> dict[str, Any]:
        body = {
            "kind": "create",
            "service": "payments-api",
            "template": "web-service",
            "name": f"payments-api-{tier}-{self.tag}",
            "tier": tier,
            "parameters": {"size": "S"},
            "reason": "demo",
        }
        operation: dict[str, Any] = self.mara.post("operations/", body)
        self.environments[tier] = operation["environment"]["id"]
        self.seen.append(operation["id"])
        return operation

    def request_dev(self) -> str:
        self._began = time.monotonic()
        self._operation = self._create("dev")["id"]
        return f"operation {self._operation[:8]}"

    def provisioned(self) -> str:
        operation = self.mara.until(f"operations/{self._operation}/", "status", "succeeded")
        log = self.mara.get(f"operations/{self._operation}/log/")
        decisions = self.mara.get(f"operations/{self._operation}/decisions/")
        expect(all(row["allowed"] for row in _rows(decisions)), "a decision refused it")
        took = time.monotonic() - self._began
        return f"{len(operation['steps'])} steps, {len(log['lines'])} log lines, {took:.2f} s"

    def _ask(self, tier: str) -> tuple[int, dict[str, Any]]:
        if tier not in self.addresses:
            outputs = self.mara.get(f"environments/{self.environments[tier]}/")["outputs"]
            self.addresses[tier] = urllib.parse.urlsplit(outputs["url"])
        url = self.addresses[tier]
        answer = httpx.get(
            f"http://127.0.0.1:{url.port}/",
            headers={"Host": str(url.hostname), "Accept": "application/json"},
            timeout=5,
        )
        return answer.status_code, answer.json() if "json" in answer.headers.get("Content-Type", "") else {}

    def reach(self) -> str:
        status, body = self._ask("dev")
        expect(status == 200 and body["environment"].startswith("payments-api-dev"), f"it answered {status}")
        return f"200, hits {body['hits']}"

    def secret(self) -> str:
        _, body = self._ask("dev")
        listed = self.mara.get(f"environments/{self.environments['dev']}/secrets/")
        paths = {row["name"]: row for row in _rows(listed)}
        expect(body["secret_version"] == paths["database"]["version"], "the workload read another version")
        path = f"environments/{self.environments['dev']}/secrets/database/reveal/"
        values = self.mara.post(path, {"reason": "demo: show that a reveal is recorded"})
        expect(values["values"]["password"], "the reveal had no value")
        return f"workload read {paths['database']['path']} v{body['secret_version']}; reveal recorded"

    def request_prod(self) -> str:
        operation = self._create("prod")
        self._operation = operation["id"]
        waiting = self._waiting()
        return f"blocked for approval: {waiting['status']}"

    def _waiting(self) -> dict[str, Any]:
        found: dict[str, Any] = self.mara.until(f"operations/{self._operation}/", "status", "awaiting_approval")
        return found

    def own_approval(self) -> str:
        digest = self._waiting()["digest"]
        try:
            self.mara.post(f"operations/{self._operation}/approve/", {"digest": digest})
        except Refused as no:
            expect(no.status == 403 and no.problem["rule"] == "approval.not_requester", f"refused by {no.problem}")
            return str(no.problem["title"])
        raise Unexpected("the requester could sign")

    def _sign(self) -> None:
        digest = self._waiting()["digest"]
        for name in ("jonas", "tomasz"):
            self.person(name).post(f"operations/{self._operation}/approve/", {"digest": digest, "reason": "demo"})

    def two_sign(self) -> str:
        self._began = time.monotonic()
        self._sign()
        return "Jonas of Payments, Tomasz of Reliability"

    def prod_provisioned(self) -> str:
        self.mara.until(f"operations/{self._operation}/", "status", "succeeded")
        took = time.monotonic() - self._began
        expect(self._ask("prod")[0] == 200, "prod does not answer")
        return f"{took:.2f} s from the first signature"

    def _release(self, number: int) -> dict[str, Any]:
        body = {"service": "payments-api", "version": f"{self.tag}.{number}", "artifact": {"image": f"build-{number}"}}
        found: dict[str, Any] = self.mara.post("releases/", body)
        return found

    def _move(self, kind: str, tier: str, release: dict[str, Any] | None) -> None:
        body = {"kind": kind, "environment": self.environments[tier], "reason": "demo"}
        if release is not None:
            body["release"] = release["id"]
        operation = self.mara.post("operations/", body)
        self._operation = operation["id"]
        self.seen.append(self._operation)
        if tier == "prod" and kind == "promote":
            self._sign()
        self.mara.until(f"operations/{self._operation}/", "status", "succeeded")

    def _serves(self, tier: str, version: str) -> None:
        status, body = self._ask(tier)
        expect(status == 200 and body["release"].get("version") == version, f"{tier} serves {body.get('release')}")

    def _through(self, number: int) -> str:
        release = self._release(number)
        self._move("deploy", "dev", release)
        self._serves("dev", release["version"])
        self._move("promote", "prod", release)
        self._serves("prod", release["version"])
        return f"prod serves {release['version']} {release['digest'][:13]}"

    def promote(self) -> str:
        return self._through(1)

    def promote_next(self) -> str:
        return self._through(2)

    def roll_back(self) -> str:
        self._move("rollback", "prod", None)
        self._serves("prod", f"{self.tag}.1")
        return f"prod serves {self.tag}.1 again"

    def expire(self) -> str:
        environment = self.environments["dev"]
        soon = datetime.now(UTC) + timedelta(seconds=1)
        self.mara.post(f"environments/{environment}/lifetime/", {"expires_at": soon.isoformat()})
        self.mara.until(f"environments/{environment}/", "status", "suspended")
        status, _ = self._ask("dev")
        expect(status == 503, f"a suspended environment answered {status}")
        return "the router answers 503"

    def resume(self) -> str:
        environment = self.environments["dev"]
        self.mara.post(f"environments/{environment}/extend/", {"hours": 24})
        self._move("resume", "dev", None)
        self._serves("dev", f"{self.tag}.2")
        return f"serves {self.tag}.2 as before"

    def destroy(self) -> str:
        for tier in ("dev", "prod"):
            name = f"payments-api-{tier}-{self.tag}"
            body = {"kind": "destroy", "environment": self.environments[tier], "confirm": name, "reason": "demo"}
            self._operation = self.mara.post("operations/", body)["id"]
            self.seen.append(self._operation)
            if tier == "prod":
                self._sign()
            self.mara.until(f"operations/{self._operation}/", "status", "succeeded")
        expect(self._ask("dev")[0] == 404, "the router still knows it")
        return "both environments, nothing left"

    def evidence(self) -> str:
        text = self.person("ana").text("/api/v1/history/export/?format=jsonl")
        events = [json.loads(line) for line in text.splitlines()]
        for operation in self.seen:
            known = {row["event"] for row in events if row["object"] == f"operation:{operation}"}
            missing = {"operation.requested", "operation.claimed", "operation.succeeded"} - known
            expect(not missing, f"operation {operation} lacks {sorted(missing)} in the history")
        kinds = {row["event"] for row in events}
        for event in ("operation.signed", "operation.refused", "secret.revealed", "environment.lifetime_set"):
            expect(event in kinds, f"the history lacks {event}")
        return f"{len(events)} records, {len(self.seen)} operations complete"


def _rows(answer: Any) -> list[dict[str, Any]]:
    """The rows of a page, or of a plain list."""
    found: list[dict[str, Any]] = answer["results"] if isinstance(answer, dict) and "results" in answer else answer
    return found
