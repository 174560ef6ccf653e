"""Asks the policy in force about what a pipeline is about to bring: a template, a manifest, a Terraform plan.

The same facts, rules and words as when it is really asked for; nothing is made of it but a recorded decision.
"""

import hmac
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from audit.context import context
from catalog import reading, strict_yaml
from catalog.models import Template, TemplateVersion
from catalog.parameters import check as check_parameters
from catalog.problems import Problem
from policies.decisions import record_ruling
from policies.engine import Ruling
from policies.models import Decision, Service, Team, User
from policies.permissions import Permission, teams_with
from policies.results import Denied
from provisioning import admission, admission_facts, selectors
from provisioning.actions.change import Ask, draft_for
from provisioning.drivers.base import Change, Plan
from provisioning.drivers.terraform import changes
from provisioning.facts import Draft
from provisioning.judging import judge_draft
from provisioning.models import Environment, Target
from provisioning.tiers import Tier

KINDS = ("template", "manifest", "terraform")
MOST_OBJECTS = 100


@dataclass(frozen=True)
class Checkable:
    """What is asked: a document of one kind, and where it is for. `document` is text: YAML, or JSON of a plan."""

    kind: str
    document: str
    environment: str = ""
    service: str = ""
    template: str = ""
    tier: str = ""


@dataclass(frozen=True)
class Result:
    """What policy says to one part: a tier of a template, an object of a manifest, a plan."""

    name: str
    ruling: Ruling
    decision: Decision | None = None


@dataclass(frozen=True)
class Part:
    """One thing to judge, and whose it is."""

    name: str
    subject: str
    team: Team
    kind: str
    ruling: Ruling


class Unreadable(Exception):
    """The document, or what it is for, is not what the kind needs. Carries the refusal."""

    def __init__(self, field: str, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.denied = Denied("policy.check", field, reason, fix, status=422)


def check(*, by: User, asked: Checkable) -> list[Result] | Denied:
    """Judge every part of the document by the policy in force, and record each decision as a check."""
    parts = {"template": _template, "manifest": _manifest, "terraform": _terraform}.get(asked.kind)
    if parts is None:
        return Denied("policy.check", "kind", "There is no such kind.", f"One of {', '.join(KINDS)}.", status=422)
    try:
        judged = list(parts(by, asked))
    except Unreadable as unreadable:
        return unreadable.denied
    with context(by=by, reason=f"Policy check of a {asked.kind}"):
        return [Result(part.name, part.ruling, _kept(part)) for part in judged]


def _kept(part: Part) -> Decision:
    return record_ruling(part.ruling, subject=part.subject, point="check", kind=part.kind, team=part.team)


def _template(by: User, asked: Checkable) -> Iterator[Part]:
    """One request for each tier that the template offers, or for the one named."""
    service, slug = _service(by, asked), asked.template or "template"
    files = {f"{slug}/{reading.TEMPLATE}": asked.document.encode(), f"{slug}/{reading.DOCS}": b"-"}
    found, problems = reading.read_files(files)
    if problems or not found:
        raise Unreadable("document", "; ".join(map(str, problems)), "Correct the template.")
    spec = found[0].spec
    version = TemplateVersion(template=Template(slug=slug), version=spec["version"], spec=spec)
    for tier in [asked.tier] if asked.tier else version.tiers:
        draft = _draft(by, version, service, tier)
        ruling = judge_draft(draft, point="request").ruling
        yield Part(f"{slug} in {tier}", f"check:{slug}"[:80], service.team, draft.kind, ruling)


def _draft(by: User, version: TemplateVersion, service: Service, tier: str) -> Draft:
    """The request that the template's own defaults would make."""
    if tier not in Tier.values:
        raise Unreadable("tier", f"There is no tier {tier}.", f"One of {', '.join(Tier.values)}.")
    offered = tier in version.tiers
    return Draft(
        kind="create",
        name=f"{version.template.slug}-check",
        tier=tier,
        service=service,
        version=version,
        parameters=dict(check_parameters(version.spec["parameters"], {}).values),
        owner=by,
        ttl_hours=version.ttl_hours(tier) if offered else None,
        requester=by,
    )


def _manifest(by: User, asked: Checkable) -> Iterator[Part]:
    """Each object, as if the environment's cluster asked about it."""
    environment = _environment(by, asked)
    target = environment.target or Target(slug="none", config={})
    texts = [text for text in re.split(r"(?m)^---[ \t]*$", asked.document) if text.strip()]
    if not 1 <= len(texts) <= MOST_OBJECTS:
        raise Unreadable("document", f"It must hold 1 to {MOST_OBJECTS} objects.", "Split it.")
    for number, text in enumerate(texts, 1):
        thing = _object(text, number)
        try:
            facts = admission_facts.facts_of(_review(by, thing), environment, target)
        except admission_facts.MalformedReview as error:
            raise Unreadable("document", f"Object {number}: {error}", "Correct the manifest.") from None
        ruling = admission.judge_object(facts, environment)
        name = f"{thing['kind']}/{facts['admission']['object']['name']}"
        yield Part(name, environment.ref, environment.team, "admit", ruling)


def _object(text: str, number: int) -> dict[str, Any]:
    loaded = strict_yaml.load(text, file=f"object {number}")
    if isinstance(loaded, Problem):
        raise Unreadable("document", str(loaded), "Correct the manifest.")
    if not isinstance(loaded.value, dict) or not isinstance(loaded.value.get("kind"), str):
        raise Unreadable("document", f"Object {number} has no kind.", "Send Kubernetes objects as YAML.")
    return loaded.value


def _review(by: User, thing: dict[str, Any]) -> dict[str, Any]:
    meta = thing.get("metadata") if isinstance(thing.get("metadata"), dict) else {}
    return {
        "operation": "CREATE",
        "kind": {"kind": thing["kind"]},
        "namespace": (meta or {}).get("namespace", ""),
        "object": thing,
        "userInfo": {"username": by.username},
    }


def _terraform(by: User, asked: Checkable) -> Iterator[Part]:
    """The plan, for an environment that exists, or for a new one from a template of the catalogue."""
    plan = Plan(tuple(_changes(asked.document)))
    if asked.environment:
        environment = _environment(by, asked)
        draft = draft_for(by, Ask(environment=environment, kind="update"))
        subject = environment.ref
    else:
        template = Template.objects.select_related("current").filter(slug=asked.template).first()
        if template is None or template.current is None:
            fix = "Name the environment that the plan is for, or a template with service and tier."
            raise Unreadable("template", "It is not said what the plan is for.", fix)
        draft, subject = _draft(by, template.current, _service(by, asked), asked.tier), f"check:{template.slug}"
    draft = replace(draft, requester=by)
    yield Part("plan", subject[:80], draft.team, draft.kind, judge_draft(draft, point="plan", plan=plan).ruling)


def _changes(document: str) -> list[Change]:
    """What `terraform show -json` lists. Sensitive values are hashed by a key of this check alone."""
    key = secrets.token_bytes(32)
    veil = changes.Veil(lambda raw: hmac.new(key, raw, "sha256").hexdigest(), ())
    try:
        shown = json.loads(document)
        if not isinstance(shown, Mapping) or not shown.get("format_version"):
            raise ValueError("no format_version")
        return changes.of_plan(shown, veil)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"It is not what `terraform show -json` writes: {type(error).__name__}."
        raise Unreadable("document", reason, "Send the output of terraform show -json for a plan file.") from None


def _service(by: User, asked: Checkable) -> Service:
    rows = Service.objects.filter(team__in=teams_with(by, Permission.VIEW), slug=asked.service)
    found = rows.select_related("team").first()
    if found is None:
        raise Unreadable("service", "There is no such service.", "Name a service of one of your teams.")
    return found


def _environment(by: User, asked: Checkable) -> Environment:
    rows = selectors.environments_visible_to(by).filter(name=asked.environment).exclude(status="destroyed")
    related = ("service__team", "team", "owner", "target", "template_version__template")
    found = rows.select_related(*related).first()
    if found is None:
        raise Unreadable("environment", "There is no such environment.", "Name one of your teams' environments.")
    return found
