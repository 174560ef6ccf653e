"""May this object stand in the cluster? Judges it by the live bundle and keeps the decision.

Whether a call is a cluster's at all, and the webhook's own set-up, is the business of admission_hooks.py.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from audit.context import context
from audit.record import record
from policies import waivers
from policies.decisions import record_ruling
from policies.engine import BLOCKING, Finding, Ruling, judge
from provisioning import admission_facts
from provisioning.admission_facts import Object
from provisioning.judging import refs_of_place
from provisioning.models import AdmissionHook, Environment, Target
from provisioning.states import EnvironmentStatus

BY = "system:admission"
ENGINE = "policy.engine"
FORBIDDEN = 403
LONGEST = 1000


@dataclass(frozen=True)
class Answer:
    """What the cluster is told. `message` and `warnings` are for the person who runs kubectl."""

    allowed: bool
    message: str = ""
    warnings: tuple[str, ...] = ()

    def review(self, uid: str) -> dict[str, Any]:
        """The AdmissionReview to send back."""
        response: dict[str, Any] = {"uid": uid, "allowed": self.allowed}
        if not self.allowed:
            response["status"] = {"code": FORBIDDEN, "reason": "Forbidden", "message": self.message}
        if self.warnings:
            response["warnings"] = list(self.warnings)
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def answer(hook: AdmissionHook, request: Object) -> Answer:
    """Judge one request. A dry run is judged and leaves no trace; raises MalformedReview."""
    if admission_facts.is_leaving(request):
        return Answer(True)
    environment = environment_of(hook.target, request)
    if environment is None:
        return _unknown(hook, request)
    facts = admission_facts.facts_of(request, environment, hook.target)
    ruling = judge_object(facts, environment)
    given = _answer(hook, ruling)
    if not request.get("dryRun"):
        _keep(ruling, given, environment, hook.target, request)
    return given


def judge_object(facts: dict[str, Any], environment: Environment) -> Ruling:
    """What policy says to one object of the environment, with what is waived for the environment now."""
    now = timezone.now()
    refs = refs_of_place(str(environment.pk), environment.service)
    return waivers.applied(judge("admission", facts, now=now), refs, now)


def environment_of(target: Target, request: Object) -> Environment | None:
    """The environment that the object's namespace belongs to, if it lives on this target."""
    rows = Environment.objects.exclude(status=EnvironmentStatus.DESTROYED).filter(target=target)
    rows = rows.select_related("service__team", "team")
    namespace = str(request.get("namespace") or "")
    if request["kind"].get("kind") == "Namespace":
        before = admission_facts.label_of(request.get("oldObject")) or admission_facts.label_of(request["object"])
        known = _uuid(before or "")
        return rows.filter(pk=known).first() if known else None
    tail = namespace.rpartition("-")[2]
    low, high = _uuid(f"{tail}{'0' * 24}"), _uuid(f"{tail}{'f' * 24}")
    made = rows.filter(pk__range=(low, high)).first() if low and high else None
    # An adopted namespace has whatever name it came with; the driver says it among the environment's outputs.
    return made or rows.filter(outputs__namespace=namespace).first()


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _unknown(hook: AdmissionHook, request: Object) -> Answer:
    namespace = request.get("namespace") or ""
    message = f"Berth: the namespace {namespace} is labelled as an environment's, and none on {hook.target} has it."
    if hook.fails_open:
        return Answer(True, warnings=(message,))
    return Answer(
        False, f"{message} Remove the label {admission_facts.LABEL} from it. Who can help: The platform team."
    )


def _answer(hook: AdmissionHook, ruling: Ruling) -> Answer:
    blocks = [finding for finding in ruling.findings if finding.severity in BLOCKING]
    warnings = [finding for finding in ruling.findings if finding.severity not in BLOCKING]
    if hook.fails_open and blocks and all(finding.rule == ENGINE for finding in blocks):
        warnings, blocks = blocks, []
    told = tuple(_sentence(finding) for finding in warnings)
    if blocks:
        return Answer(False, " ".join(_sentence(finding) for finding in blocks)[:LONGEST], told)
    return Answer(True, warnings=told)


def _sentence(finding: Finding) -> str:
    return f"Berth {finding.rule}: {finding.message} {finding.fix} Who can help: {finding.who}."


def _keep(ruling: Ruling, given: Answer, environment: Environment, target: Target, request: Object) -> None:
    with context(by=BY):
        decision = record_ruling(
            ruling, subject=environment.ref, point="admission", kind="admit", team=environment.team
        )
        if given.allowed:
            return
        record(
            "admission.refused",
            object=environment.ref,
            scope=f"team:{environment.team_id}",
            data={
                "target": target.slug,
                "namespace": request.get("namespace") or "",
                "object": f"{request['kind']['kind']}/{(request['object'].get('metadata') or {}).get('name', '')}",
                "username": (request.get("userInfo") or {}).get("username", ""),
                "reason": given.message,
                "decision": decision.pk,
            },
        )
