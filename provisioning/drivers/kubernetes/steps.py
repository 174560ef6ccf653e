"""The steps of each verb on an environment, in order. What they write is rendered anew and held against the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from provisioning.drivers.base import Change, DriverUnavailable, EnvironmentSpec, Log, Plan, Resources, Step, StepKey
from provisioning.drivers.kubernetes import manifests, render, rollout, sleep, waiting
from provisioning.drivers.kubernetes.api import Api, Object
from provisioning.drivers.kubernetes.canary import Canary
from provisioning.drivers.kubernetes.names import SLOT
from provisioning.drivers.kubernetes.objects import OWNERSHIP, Cleaner, covers
from provisioning.drivers.kubernetes.plan import Planner
from provisioning.drivers.kubernetes.rollout import CANARY, SLOTS
from provisioning.drivers.kubernetes.view import by_name, kind_names, look, place
from provisioning.drivers.kubernetes.writer import Writer

_WRITE_S = 120.0
GROUPS = ("namespace", "secrets", "workloads", "switch", "retire", "removal")


class Steps:
    """Builds the steps of one operation on one environment. `api` is asked for only when a step runs."""

    def __init__(
        self,
        api: Callable[[], Api],
        clean: Cleaner,
        spec: EnvironmentSpec,
        plan: Plan,
        observe: Callable[[EnvironmentSpec], Resources],
    ) -> None:
        self.api, self.clean, self.spec, self.plan, self.observe = api, clean, spec, plan, observe
        self.rollout = rollout.rollout_of(spec)
        config = spec.target.config if spec.target else {}
        self.wait_s = float(config.get("wait_s", waiting.LIMIT_S))

    def of(self, verb: str) -> tuple[Step, ...]:
        """The steps of a verb."""
        if verb == "destroy":
            return tuple(self._destroyed())
        if verb in {"suspend", "resume"}:
            return tuple(self._slept(waking=verb == "resume"))
        if verb == "adopt":
            return tuple(self._adopted())
        return tuple(self._rendered())

    def _rendered(self) -> Iterator[Step]:
        groups = _grouped(self.plan.changes, self.rollout)
        for name, title in (("namespace", "Prepare the namespace"), ("secrets", "Refer to the secrets")):
            if groups[name]:
                yield self._written(name, title, groups[name])
        canary = Canary(self) if is_new_release(self.plan.changes, self.rollout) and not self.spec.suspended else None
        if canary:
            yield from canary.before()
        if groups["workloads"]:
            yield self._written("workloads", "Write the workloads", groups["workloads"])
        if not self.spec.suspended:
            yield self._waited()
        if canary:
            yield canary.after()
        for name, title in (
            ("switch", "Switch to the new release"),
            ("retire", "Put the former release to rest"),
            ("removal", "Remove what is no longer part of it"),
        ):
            if groups[name]:
                yield self._written(name, title, groups[name])
        yield self._settled()

    def _written(self, name: str, title: str, changes: tuple[Change, ...]) -> Step:
        def write(writer: Writer, _log: Log) -> None:
            wanted = self.wanted(writer)
            for change in changes:
                if change.after is None:
                    writer.remove(change.before or {})
                else:
                    writer.write(wanted.get(change.address) or dict(change.after), change)

        def undo(key: StepKey, log: Log) -> None:
            writer = self.writer(key, log)
            writer.begin(set())
            for change in reversed(changes):
                writer.restore(change)
                log(f"{change.address}: as before")
            if name == "retire":
                # Before requests go back to the former release, its pods must be there.
                self.wait(writer, log)

        return self.step(name, title, write, undo=undo, done=_reached(changes))

    def wanted(self, writer: Writer) -> dict[str, Object]:
        """What shall stand, rendered anew; only slots and sleepers depend on what is seen now."""
        is_seen = self.spec.suspended or self.rollout.strategy != "rolling"
        view = (look if is_seen else place)(writer.api, self.spec)
        wanted = render.wanted(self.spec, view.namespace, by_name(map(self.clean, view.live.values())))
        writer.begin(kind_names(wanted.values()))
        return wanted

    def wait(self, writer: Writer, log: Log) -> None:
        """Wait until every workload is well."""
        waiting.wait_until_well(writer.api, self.spec, writer.key, log, limit_s=self.wait_s)
        log("Every workload is well")

    def _slept(self, *, waking: bool) -> Iterator[Step]:
        def write(writer: Writer, log: Log) -> None:
            for change in self.plan.changes:
                before, after = dict(change.before or {}), dict(change.after or {})
                patch = sleep.to_resume(before) if waking else sleep.to_suspend(before)
                if patch is not None:
                    writer.patch(after, patch, change)
                    log(f"{change.address}: {'awake' if waking else 'asleep'}")

        title = "Give the workloads back what they had" if waking else "Put the workloads to sleep"
        yield self.step("resume" if waking else "suspend", title, write, done=_reached(self.plan.changes))
        if waking:
            yield self._waited()
        yield self._settled()

    def _waited(self) -> Step:
        return self.step("wait", "Wait until the workloads are well", self.wait, limit_s=self.wait_s + 10)

    def _settled(self) -> Step:
        """The last write: nobody is at work here any more."""
        return self.step("settle", "Leave the namespace settled", _settle)

    def _adopted(self) -> Iterator[Step]:
        yield self.step("adopt", "Mark what is adopted as this environment's", self._adopt)
        yield self._settled()

    def _adopt(self, writer: Writer, log: Log) -> None:
        planner = Planner(writer.api, self.clean, self.spec, place(writer.api, self.spec))
        for change in sorted(self.plan.changes, key=_rank):
            name = self.spec.imports.get(change.address, "")
            live = planner.imported(change.address, name)
            labels = (change.after or {})["metadata"]["labels"]
            writer.patch(live, {"metadata": {"labels": labels}}, change)
            # The first is the namespace, which can be claimed now.
            writer.begin(kind_names([live]))
            log(f"{change.address}: adopted")

    def _emptied(self, writer: Writer, log: Log) -> None:
        found = look(writer.api, self.spec)
        for live in found.objects.values():
            if manifests.has_pods(live):
                writer.remove(live)
        log("The workloads are gone")
        waiting.wait_until_empty(writer.api, found, log)

    def _destroyed(self) -> Iterator[Step]:
        def remove(writer: Writer, log: Log) -> None:
            space = look(writer.api, self.spec).space
            if space is not None:
                writer.remove(space, limit_s=_WRITE_S - 20)
            log("The namespace and everything in it is gone")

        def prove(key: StepKey, log: Log) -> Mapping[str, Any]:
            if left := sorted(self.observe(self.spec)):
                raise DriverUnavailable(f"still there: {', '.join(left)}"[:500])
            log("Nothing is left of the environment")
            return {"left": []}

        # Pods that end before the namespace does are not waited for twice.
        yield self.step("workloads", "Remove the workloads", self._emptied, done=_is_without_pods)
        yield self.step("namespace", "Remove the namespace", remove, done=lambda observed: not observed)
        yield Step("proof", "Prove that nothing is left", 10, prove, None, _never)

    def step(
        self,
        name: str,
        title: str,
        work: Callable[[Writer, Log], None],
        *,
        undo: Callable[[StepKey, Log], None] | None = None,
        done: Callable[[Resources], bool] | None = None,
        limit_s: float = _WRITE_S,
    ) -> Step:
        def apply(key: StepKey, log: Log) -> Mapping[str, Any]:
            writer = self.writer(key, log)
            writer.begin(set())
            work(writer, log)
            return {}

        return Step(name, title, limit_s, apply, undo, done or _never)

    def writer(self, key: StepKey, log: Log) -> Writer:
        """This step's hand in the cluster."""
        return Writer(self.api(), self.spec, self.clean, key, log)


def _settle(writer: Writer, _log: Log) -> None:
    writer.end()


def _grouped(changes: Iterable[Change], chosen: rollout.Rollout) -> dict[str, tuple[Change, ...]]:
    """Which step writes which change."""
    found: dict[str, list[Change]] = {name: [] for name in GROUPS}
    planned = sorted(changes, key=lambda change: (_rank(change), change.address))
    slot = _switched_to(planned, chosen)
    is_new = is_new_release(planned, chosen)
    for change in planned:
        found[_group(change, chosen, slot, is_new=is_new)].append(change)
    found["removal"].reverse()
    return {name: tuple(group) for name, group in found.items()}


def _group(change: Change, chosen: rollout.Rollout, slot: str, *, is_new: bool) -> str:
    kind, name = _kind_and_name(change)
    if change.after is None:
        return "removal"
    if slot and (kind, name) == ("Service", chosen.service):
        return "switch"
    if slot and kind == "Deployment" and name in {f"{chosen.deployment}-{other}" for other in SLOTS if other != slot}:
        return "retire"
    if is_new and (kind, name) == ("Deployment", chosen.deployment + CANARY):
        return "retire"
    if kind == "ExternalSecret":
        return "secrets"
    return "namespace" if manifests.rank(kind) <= manifests.rank("RoleBinding") else "workloads"


def _switched_to(changes: Iterable[Change], chosen: rollout.Rollout) -> str:
    """The slot that a Service turns to by this plan; "" when it stays."""
    for change in changes:
        if _kind_and_name(change) == ("Service", chosen.service) and change.before and change.after:
            before, after = (state["spec"].get("selector", {}).get(SLOT, "") for state in (change.before, change.after))
            return str(after) if before != after else ""
    return ""


def is_new_release(changes: Iterable[Change], chosen: rollout.Rollout) -> bool:
    """Whether a running workload gets another release by this plan, which a canary tries first."""
    if chosen.strategy != "canary":
        return False
    return any(
        _kind_and_name(change) == ("Deployment", chosen.deployment)
        and change.action == "change"
        and rollout.release_in(change.before) != rollout.release_in(change.after)
        for change in changes
    )


def _kind_and_name(change: Change) -> tuple[str, str]:
    state = change.after or change.before or {}
    return str(state["kind"]), str(state["metadata"]["name"])


def _rank(change: Change) -> int:
    return manifests.rank(_kind_and_name(change)[0])


def _reached(changes: Iterable[Change]) -> Callable[[Resources], bool]:
    def done(observed: Resources) -> bool:
        return all(_is_reached(change, observed) for change in changes)

    return done


def _is_reached(change: Change, observed: Resources) -> bool:
    found = observed.get(change.address)
    if found is None or change.after is None:
        return (found is None) is (change.after is None)
    if OWNERSHIP in found.state or change.action == "replace":
        return False
    return covers(found.state, change.after) and (change.before is None or found.state == change.after)


def _is_without_pods(observed: Resources) -> bool:
    return not any(manifests.has_pods(dict(resource.state)) for resource in observed.values())


def _never(_observed: Resources) -> bool:
    return False
