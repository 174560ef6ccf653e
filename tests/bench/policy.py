"""What a judgement costs: a plan of 200 resources under 30 rules, whole and against the bare call of the engine.

Whole is `engine.judge`: facts checked and serialised, handed to an evaluator, its answer checked. Bare is the same
bundle and the same input in this process, without any of that.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import regorus
from django.utils import timezone

from policies import bundle, engine
from policies.bundles import forms
from policies.bundles.forms import Form
from policies.engines import QUERY
from tests.bench.figures import MS, percentile, say, scaled, timed
from tests.bench.world import World
from tests.people import Demo
from tests.policies.policy_facts import facts

RULES, RESOURCES, TIMES = 30, 200, 400


def run(world: World, demo: Demo) -> dict[str, Any]:
    """`policy_eval_ms` with p50 and p99, and `policy_vs_engine`, the ratio of the medians."""
    made, document = checked(), plan()
    whole = _whole(made, document)
    bare = _bare(made, document)
    spread = {"p50": round(percentile(whole, 0.5) * MS, 2), "p99": round(percentile(whole, 0.99) * MS, 2)}
    ratio = round(percentile(whole, 0.5) / percentile(bare, 0.5), 2)
    say(f"policy: {spread}, {ratio} times the bare engine ({percentile(bare, 0.5) * MS:.2f} ms)")
    return {"policy_eval_ms": spread, "policy_vs_engine": ratio}


def checked() -> bundle.Bundle:
    """The shipped rules and as many from forms as make up thirty; half of those look at each resource."""
    shipped = bundle.read(engine.SHIPPED)
    files = list(shipped)
    for number in range(RULES - sum("\nmeta := " in text for _, text in shipped)):
        tags = Form("tags", f"Tag {number}", (f"tag-{number}",), severity="warn")
        size = Form("maximum", f"Size {number}", ("9",), f"size-{number}")
        files += forms.files(f"bench-{number}", tags if number % 2 else size)
    found = bundle.check(tuple(files))
    if not isinstance(found, bundle.Bundle) or len(found.rules) != RULES:
        raise RuntimeError(f"the bundle of the benchmark is not as it should be: {found}")
    return found


def plan() -> dict[str, Any]:
    """Facts with a plan of 200 resources that keep every rule."""
    tags = {f"tag-{number}": "x" for number in range(RULES) if number % 2}
    after = {"name": "web", "size": 3, "zone": "eu-1a", "tags": tags}
    changes = [
        {"address": f"instance.a{number}", "action": "create", "before": None, "after": after}
        for number in range(RESOURCES)
    ]
    return facts(kind="deploy", environment={"tier": "prod"}, plan={"changes": changes})


def _whole(made: bundle.Bundle, document: dict[str, Any]) -> list[float]:
    now = timezone.now()
    with _in_force(made):
        ruling = engine.judge("plan", document, now=now)
        if not ruling.is_judged or ruling.findings:
            raise RuntimeError(f"the plan of the benchmark is not judged as it should be: {ruling.findings[:1]}")
        return timed(lambda: engine.judge("plan", document, now=now), scaled(TIMES, at_least=5))


@contextmanager
def _in_force(made: bundle.Bundle) -> Iterator[None]:
    """Another bundle for a while, in an engine of its own: what this process judges afterwards is not ours."""
    with patch.multiple(engine, _active=engine._Active(), _chosen=None):
        engine.follow(lambda present: made if present != made.digest else None)
        try:
            yield
        finally:
            if engine._active.pool is not None:
                engine._active.pool.close()


def _bare(made: bundle.Bundle, document: dict[str, Any]) -> list[float]:
    bare = regorus.Engine()
    for path, text in made.files:
        bare.add_policy(path, text)
    text = json.dumps(document | {"point": "plan", "now": timezone.now().isoformat()})

    def once() -> None:
        bare.set_input_json(text)
        bare.eval_rule_as_json(QUERY)

    once()
    return timed(once, scaled(TIMES, at_least=5))
