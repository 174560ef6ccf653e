"""The steps of an operation: commit, push, merge where people review, the engine's objects, then sync and health."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from provisioning.drivers.base import Change, EnvironmentSpec, Log, Plan, Resources, Step, StepKey
from provisioning.drivers.gitops import documents, planning
from provisioning.drivers.gitops.applications import ENGINES, Applications, matches
from provisioning.drivers.gitops.engines import Piece
from provisioning.drivers.gitops.landing import BRANCH, FILE, Landing, Writing, file_changes
from provisioning.drivers.gitops.place import Place
from provisioning.drivers.gitops.repository import Repository
from provisioning.drivers.gitops.review import Reviews
from provisioning.drivers.gitops.watching import Watch

_SUBJECTS = {
    "create": "Create {name} in {tier}",
    "update": "Change {name} in {tier}",
    "suspend": "Suspend {name} in {tier}",
    "resume": "Resume {name} in {tier}",
    "destroy": "Destroy {name} in {tier}",
    "deploy": "Deploy {release} to {name} in {tier}",
    "reconcile": "Bring {name} in {tier} back to what is recorded",
}


@dataclass(frozen=True)
class World:
    """What the steps of one operation work on."""

    place: Place
    repository: Callable[[], Repository]
    applications: Callable[[], Applications]
    reviews: Callable[[Repository], Reviews]


class Steps:
    """Builds the steps of one operation on one environment from its locked plan."""

    def __init__(self, spec: EnvironmentSpec, kind: str, plan: Plan, world: World) -> None:
        self.spec, self.kind, self.plan, self.world = spec, kind, plan, world
        self.place = world.place
        self.before, self.after = file_changes(plan.changes)
        self.changes = {change.address: change for change in plan.changes}

    def ordered(self) -> Iterator[Step]:
        """The steps in order."""
        yield Step("commit", "Make the signed commit", 90, self._commit, None, self._files_stand)
        yield Step("push", f"Push to {self.place.repository_name}", 150, self._push, self._undo(), self._files_stand)
        if self.place.reviewed:
            limit = self.place.waits.merge + 60
            yield Step("merge", "Wait for the merge", limit, self._merge, None, self._is_merged)
        if self.place.engine == "none":
            return
        if self.kind == "destroy":
            limit = self.place.waits.sync + 60
            yield Step("application", f"Remove what {self.title} watches", limit, self._remove, None, self._is_gone)
            return
        undo = self._forget if self.kind == "create" else self._restore
        yield Step("application", f"Tell {self.title} what to watch", 60, self._announce, undo, self._pieces_stand)
        yield Step(
            "synced", f"Wait until {self.title} has synced it", self.place.waits.sync + 60, self._sync, None, _never
        )
        yield Step("healthy", "Wait until it is healthy", self.place.waits.health + 60, self._health, None, _never)

    @property
    def title(self) -> str:
        """The engine's name as people know it."""
        return ENGINES[self.place.engine].title

    def _commit(self, key: StepKey, log: Log) -> Mapping[str, Any]:
        landing = self._landing(key)
        head = landing.repository.head(self.place.branch)
        landing.refuse_outdated(head)
        if not self.after or landing.is_there(head):
            log("Nothing is left to commit")
            return {}
        made = landing.prepare(head)
        log(f"Made the commit {made[:12]} on {self.place.branch}")
        return {"commit": made}

    def _push(self, key: StepKey, log: Log) -> Mapping[str, Any]:
        if not self.after:
            return {}
        landing = self._landing(key)
        if not self.place.reviewed:
            return {"commit": landing.land(self.place.branch, key, log)}
        offered = landing.offer(self.place.branch, key, log)
        link = self.world.reviews(landing.repository).open(landing.writing.branch, self.place.branch)
        return {"commit": offered, "branch": landing.writing.branch, "review": link}

    def _merge(self, key: StepKey, log: Log) -> Mapping[str, Any]:
        landing = self._landing(key)
        for branch in landing.repository.offered(self.spec.id):
            if branch != landing.writing.branch or not self.after:
                landing.withdraw(branch, key, log)
        if not self.after:
            return {}
        merged = self.world.reviews(landing.repository).wait(landing, self.place, key, log)
        landing.withdraw(landing.writing.branch, key, log)
        return {"commit": merged}

    def _undo(self) -> Callable[[StepKey, Log], None] | None:
        """Only what may fail for good half-way is taken back; suspending and destroying are simply tried again."""
        if self.kind not in {"create", "update", "deploy", "reconcile"}:
            return None

        def undo(key: StepKey, log: Log) -> None:
            landing = self._landing(key)
            if self.place.reviewed:
                self.world.reviews(landing.repository).take_back(landing, self.place, key, log)
            else:
                landing.take_back(self.place.branch, key, log, whole=self.kind == "create")

        return undo

    def _announce(self, key: StepKey, log: Log) -> Mapping[str, Any]:
        applications = self.world.applications()
        for piece in self._pieces("after"):
            applications.write(piece, key)
            log(f"{piece.kind} {piece.namespace}/{piece.name} stands")
        return {"objects": [piece.address for piece in self._pieces("after")]}

    def _forget(self, key: StepKey, log: Log) -> None:
        Watch(self.world.applications(), self.place, self._pieces("after")).until_gone(key, log)

    def _restore(self, key: StepKey, log: Log) -> None:
        applications = self.world.applications()
        for piece in self._pieces("before"):
            if piece.address in self.changes:
                applications.write(piece, key)
                log(f"{piece.kind} {piece.namespace}/{piece.name} is as before")

    def _remove(self, key: StepKey, log: Log) -> Mapping[str, Any]:
        Watch(self.world.applications(), self.place, self._pieces("after")).until_gone(key, log)
        return {}

    def _sync(self, key: StepKey, log: Log) -> Mapping[str, Any]:
        landing = self._landing(key)
        expected = replace(landing.writing, after=self._whole(landing))
        watch = Watch(self.world.applications(), self.place, self._pieces("after"))
        return {"revision": watch.until_synced(Landing(landing.repository, expected), key, log)}

    def _health(self, key: StepKey, log: Log) -> Mapping[str, Any]:
        Watch(self.world.applications(), self.place, self._pieces("after")).until_healthy(key, log)
        return {}

    def _whole(self, landing: Landing) -> Mapping[str, documents.Document | None]:
        """What a synced revision must hold: what was planned, or where nothing changed what stands there now."""
        if self.after:
            return self.after
        return dict(landing.standing(landing.repository.head(self.place.branch)))

    def _landing(self, key: StepKey) -> Landing:
        release = self.spec.release.version if self.spec.release else "no release"
        subject = _SUBJECTS[self.kind].format(name=self.spec.name, tier=self.spec.tier, release=release)
        writing = Writing(
            folder=self.place.folder(self.spec),
            environment=self.spec.id,
            operation=key.operation,
            fence=key.fence,
            subject=subject,
            before=self.before,
            after=self.after,
            is_release=self.kind == "deploy",
        )
        return Landing(self.world.repository(), writing)

    def _pieces(self, moment: str) -> tuple[Piece, ...]:
        """The engine's objects as the locked plan has them; where it changes nothing, as they are rendered."""
        return tuple(self._as_planned(piece, moment) for piece in planning.pieces(self.spec, self.place))

    def _as_planned(self, piece: Piece, moment: str) -> Piece:
        change: Change | None = self.changes.get(piece.address)
        planned = getattr(change, moment) if change else None
        return replace(piece, spec=planned["spec"]) if planned else piece

    def _files_stand(self, observed: Resources) -> bool:
        return all(_is_as(observed, f"{FILE}{path}", after) for path, after in self.after.items())

    def _is_merged(self, observed: Resources) -> bool:
        """Nothing of the environment waits for review any more, nor of earlier operations."""
        return self._files_stand(observed) and not any(address.startswith(BRANCH) for address in observed)

    def _pieces_stand(self, observed: Resources) -> bool:
        return all(
            piece.address in observed and matches(piece.spec, observed[piece.address].state.get("spec"))
            for piece in self._pieces("after")
        )

    def _is_gone(self, observed: Resources) -> bool:
        return not any(piece.address in observed for piece in self._pieces("after"))


def _is_as(observed: Resources, address: str, after: documents.Document | None) -> bool:
    there = observed.get(address)
    return there is None if after is None else there is not None and there.state == after


def _never(_observed: Resources) -> bool:
    return False
