"""The stages of a canary: a little of the new release beside the old one, its share growing while it stays well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from provisioning.drivers.base import Change, DriverRejected, Log, Step, StepKey
from provisioning.drivers.kubernetes import waiting
from provisioning.drivers.kubernetes.api import Object
from provisioning.drivers.kubernetes.rollout import CANARY, canary_of, routed
from provisioning.drivers.kubernetes.writer import Writer

if TYPE_CHECKING:
    from provisioning.drivers.kubernetes.steps import Steps


class Canary:
    """The steps before and after the workload itself gets the new release."""

    def __init__(self, steps: Steps) -> None:
        self._steps, self._chosen = steps, steps.rollout
        self._limit_s = steps.wait_s + self._chosen.pause_s + 10

    def before(self) -> Iterator[Step]:
        """Start it, then send it more and more. Undoing sends everything to the old release at once."""
        make = self._steps.step
        title = "Start the canary"
        yield make("canary", title, self._start, undo=self._stop, limit_s=self._limit_s)
        for percent in self._chosen.weights:
            title = f"Send {percent} % of the requests to the canary"
            undo = self._back
            yield make(f"share-{percent}", title, self._moved(percent), undo=undo, limit_s=self._limit_s)

    def after(self) -> Step:
        """Once the workload has the new release, the canary is not needed."""
        return self._steps.step("share-0", "Send every request to the workload", self._moved(0))

    def _start(self, writer: Writer, log: Log) -> None:
        body = self._find(writer, "Deployment", self._chosen.deployment)
        writer.place(canary_of(body, self._chosen.replicas))
        self._steps.wait(writer, log)

    def _moved(self, percent: int) -> Callable[[Writer, Log], None]:
        def move(writer: Writer, log: Log) -> None:
            self._share(writer, percent)
            log(f"{percent} % of the requests go to the canary")
            if percent:
                waiting.stay_well(writer.api, self._steps.spec, writer.key, seconds=self._chosen.pause_s)

        return move

    def _back(self, key: StepKey, log: Log) -> None:
        writer = self._steps.writer(key, log)
        writer.begin(set())
        self._share(writer, 0)

    def _stop(self, key: StepKey, log: Log) -> None:
        self._back(key, log)
        change = self._change()
        if change is not None:
            self._steps.writer(key, log).restore(change)

    def _share(self, writer: Writer, percent: int) -> None:
        route = self._find(writer, "HTTPRoute", self._chosen.route)
        writer.place(routed(route, self._chosen, percent))

    def _find(self, writer: Writer, kind: str, name: str) -> Object:
        for body in self._steps.wanted(writer).values():
            if (body["kind"], body["metadata"]["name"]) == (kind, name):
                return body
        raise DriverRejected(f"The rollout needs {kind} {name}, which the template does not make.")

    def _change(self) -> Change | None:
        name = f"/{self._chosen.deployment}{CANARY}"
        found = (change for change in self._steps.plan.changes if change.address.endswith(name))
        return next((change for change in found if change.address.startswith("Deployment/")), None)
