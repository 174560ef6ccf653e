"""A service's pipeline as stages and gates, and its releases with where they run."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from delivery.models import Release
from delivery.selectors import Gate, Pipeline, Stage
from portal.templatetags.berth_words import short_hash
from provisioning.tiers import PROD_LIKE, rank

SHORT_LIVED = ("sandbox", "preview")


def lasting(pipeline: Pipeline) -> list[Stage]:
    """The stages of the line: dev and above; a service with none of those shows what it has."""
    above = [stage for stage in pipeline.stages if stage.environment.tier not in SHORT_LIVED]
    return above or list(pipeline.stages)


def short_lived(pipeline: Pipeline) -> list[Stage]:
    """Sandboxes and previews beside the line."""
    line = lasting(pipeline)
    return [stage for stage in pipeline.stages if stage not in line]


def gates(pipeline: Pipeline) -> list[Gate]:
    """The gates between lasting stages, from a lower tier to a higher one."""
    line = lasting(pipeline)
    return [gate for gate in pipeline.gates if gate.source in line and goes_up(gate)]


def goes_up(gate: Gate) -> bool:
    """Two environments of one tier have no gate between them."""
    return rank(gate.source.environment.tier) < rank(gate.target.environment.tier)


def columns(pipeline: Pipeline, back: Mapping[Any, str]) -> list[dict[str, Any]]:
    """Stages and gates in turn, for the map."""
    between = {gate.source.environment.pk: gate for gate in gates(pipeline)}
    found: list[dict[str, Any]] = []
    for stage in lasting(pipeline):
        found.append({"stage": stage_card(stage, back.get(stage.environment.pk, ""))})
        gate = between.get(stage.environment.pk)
        if gate is not None:
            found.append({"gate": gate_line(gate), "move": gate if gate.is_open else None})
    return found


def stage_card(stage: Stage, back: str = "") -> dict[str, Any]:
    """For components/stage.html."""
    environment = stage.environment
    facts = [
        {"label": _("Environment"), "value": environment.name},
        {"label": _("Owner"), "value": str(environment.owner)},
    ]
    if stage.moving is not None:
        facts.append({"label": _("Under way"), "value": f"{stage.moving.kind} {stage.moving.short_id}"})
    return {
        "tier": environment.tier,
        "status": environment.status,
        "release": stage.version,
        "digest": stage.digest,
        "url": reverse("environment", args=[environment.pk]),
        "facts": facts,
        "foot": _("Before it: %s") % back if back else _("Nothing ran here before."),
        "environment": environment,
        "back": back,
    }


def gate_line(gate: Gate) -> dict[str, Any]:
    """For components/gate.html: unmet conditions first, each with its words."""
    if gate.release is None:
        return {"open": None, "verdict": _("nothing new"), "conditions": []}
    version = gate.release.version
    return {
        "open": gate.is_open,
        "verdict": (_("Can move: %s") if gate.is_open else _("%s cannot move yet")) % version,
        "conditions": [_condition(gate, met=c.met, text=c.text) for c in gate.conditions],
    }


def _condition(gate: Gate, *, met: bool, text: str) -> dict[str, Any]:
    row: dict[str, Any] = {"met": met, "text": text}
    moving = gate.target.moving
    if not met and moving is not None and moving.short_id in text:
        row |= {"url": reverse("operation", args=[moving.pk]), "label": _("Open it"), "tone": "wait", "icon": "clock"}
    return row


def list_rows(pipelines: Iterable[Pipeline]) -> list[dict[str, Any]]:
    """Rows of the list: what runs in which tier, and what the first gate says."""
    return [
        {
            "service": pipeline.service,
            "url": reverse("pipeline", args=[pipeline.service.slug]),
            "runs": [{"tier": s.environment.tier, "version": s.version or "—"} for s in lasting(pipeline)],
            "gates": [gate_line(gate) | {"to": gate.target.environment.tier} for gate in gates(pipeline)],
            "more": len(short_lived(pipeline)),
        }
        for pipeline in pipelines
    ]


def release_rows(releases: Iterable[Release], pipeline: Pipeline) -> list[dict[str, Any]]:
    """Rows of the releases table."""
    where: dict[str, list[str]] = {}
    for stage in pipeline.stages:
        where.setdefault(stage.digest, []).append(stage.environment.tier)
    return [
        {"release": r, "short": short_hash(r.digest), "tiers": sorted(set(where.get(r.digest, [])), key=rank)}
        for r in releases
    ]


def targets(pipeline: Pipeline) -> list[tuple[str, str]]:
    """Environments that take a direct deployment, for the form."""
    return [
        (str(stage.environment.pk), f"{stage.environment.name} ({stage.environment.tier})")
        for stage in pipeline.stages
        if stage.environment.tier not in PROD_LIKE
    ]
