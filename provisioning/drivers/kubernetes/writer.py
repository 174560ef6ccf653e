"""Writes to one environment under one fence: who begins claims the namespace, and an older writer's calls fail.

Every write is preceded by the guard, names the resourceVersion that was read, and marks the object with the fence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from provisioning.drivers.base import (
    Change,
    DriverRejected,
    DriverUnavailable,
    EnvironmentSpec,
    LeaseLost,
    Log,
    StepKey,
)
from provisioning.drivers.kubernetes import names, view
from provisioning.drivers.kubernetes.api import Api, Conflict, Gone, Kind, Object, is_created_only
from provisioning.drivers.kubernetes.names import ACTIVE, FENCE, KINDS, OPERATION
from provisioning.drivers.kubernetes.objects import Cleaner, assigned, covers, holds_masked
from provisioning.drivers.kubernetes.terminating import explain

_TRIES = 5
_POLL_S = 0.2
_BOOKS = "berth-books"
_SLEEP = "berth-sleep"


class Writer:
    """One step's hand in the cluster."""

    def __init__(self, api: Api, spec: EnvironmentSpec, clean: Cleaner, key: StepKey, log: Log) -> None:
        self.api, self.spec, self.clean, self.key, self.log = api, spec, clean, key, log
        self._spaces = api.kind("v1", "Namespace")

    def begin(self, kinds: set[str]) -> Object | None:
        """Claim the namespace for this fence, unless it is ours already. None when there is none yet.

        Where another writer was at work and never ended, every object is marked anew, so that its late writes fail.
        """
        for _ in range(_TRIES):
            space = view.find(self.api, self.spec)
            if space is None or view.labelled(space) != self.spec.id:
                return None
            self._refuse_older(space)
            left = _notes(space).get(ACTIVE, "")
            patch = self._claim(space, kinds)
            if covers(space, patch):
                return space
            try:
                self.key.guard()
                space = self.api.merge(self._spaces, space, patch, manager=_BOOKS)
            except Conflict:
                continue
            if left and left != str(self.key.fence):
                self._seal(space)
            return space
        raise DriverUnavailable("The namespace changes all the time.")

    def end(self) -> None:
        """Say that no write of this operation is under way any more."""
        space = view.find(self.api, self.spec)
        if space is not None and _notes(space).get(ACTIVE) == str(self.key.fence):
            self.key.guard()
            try:
                self.api.merge(self._spaces, space, {"metadata": {"annotations": {ACTIVE: ""}}}, manager=_BOOKS)
            except Conflict as late:
                raise self._overtaken(late) from None

    def write(self, body: Object, change: Change) -> None:
        """Bring one planned change about. Refuses what would come out otherwise than planned."""
        self._again(lambda: self._write(body, change))

    def place(self, body: Object) -> None:
        """Write an object in a form that only stands meanwhile, so that no plan names it (a rollout's stages)."""
        self._again(lambda: self._place(body))

    def patch(self, address: Mapping[str, Any], patch: Object, change: Change) -> None:
        """Merge a few fields into a planned object (scaling, labels)."""
        self._again(lambda: self._patch(address, patch, change))

    def restore(self, change: Change) -> None:
        """Undo one change: what was made is removed, what was changed or removed is put back."""
        self._again(lambda: self._restore(change))

    def _write(self, body: Object, change: Change) -> None:
        kind = self._kind(body)
        live = self.api.get(kind, _namespace(body), body["metadata"]["name"])
        if change.action == "replace" and live is not None and not self._is_own(live):
            self.remove(body)
            live = None
        if live is None:
            self._create(kind, body, change)
            return
        if is_created_only(live):
            live = self._owned(kind, live)
        if not self._is_own(live) and self.clean(live) != change.before:
            if change.after is not None and covers(self.clean(live), change.after):
                return
            raise DriverRejected(f"{change.address} was changed by someone else since this was planned.")
        self._refuse_unplanned(kind, body, change)
        self._put(kind, body, live)
        self.log(f"{change.address}: changed")

    def _put(self, kind: Kind, body: Object, live: Object) -> Object:
        """Apply over an object as it was read."""
        self._refuse_older(live)
        meta = {**self._stamped(body)["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}
        found: Object = self._fenced(lambda: self.api.apply(kind, {**body, "metadata": meta}))
        return found

    def _place(self, body: Object) -> None:
        kind = self._kind(body)
        live = self.api.get(kind, _namespace(body), body["metadata"]["name"])
        if live is None:
            self._make(kind, body)
        else:
            self._put(kind, body, self._owned(kind, live))

    def _patch(self, address: Mapping[str, Any], patch: Object, change: Change) -> None:
        kind = self._kind(address)
        live = self.api.get(kind, _namespace(address), address["metadata"]["name"])
        if live is None:
            raise DriverRejected(f"{change.address} is not there any more.")
        seen = self.clean(live)
        if change.after is not None and seen == change.after:
            return
        if seen != change.before and not self._is_own(live):
            raise DriverRejected(f"{change.address} was changed by someone else since this was planned.")
        self._refuse_older(live)
        meta = patch.get("metadata") or {}
        stamped = {**meta, "annotations": {**(meta.get("annotations") or {}), **self._stamps()}}
        self._fenced(lambda: self.api.merge(kind, live, {**patch, "metadata": stamped}, manager=_SLEEP))

    def remove(self, body: Mapping[str, Any], *, limit_s: float = 60) -> None:
        """Remove an object of the environment and wait until it is gone; absence is fine."""
        kind = self._kind(body)
        namespace, name = _namespace(body), body["metadata"]["name"]
        until, said = time.monotonic() + limit_s, False
        while (live := self.api.get(kind, namespace, name)) is not None:
            if view.labelled(live) != self.spec.id:
                raise DriverRejected(f"{kind.name} {name} is not this environment's.")
            if "deletionTimestamp" not in live["metadata"]:
                self._again(lambda: self._delete(kind, namespace, name))
                continue
            if time.monotonic() > until:
                raise DriverUnavailable(explain(self.api, live))
            if not said and time.monotonic() > until - limit_s + 5:
                self.log(explain(self.api, live))
                said = True
            time.sleep(_POLL_S)

    def _restore(self, change: Change) -> None:
        after_or_before = dict(change.before or change.after or {})
        if change.before is None:
            self.remove(after_or_before)
            return
        kind = self._kind(after_or_before)
        live = self.api.get(kind, _namespace(after_or_before), after_or_before["metadata"]["name"])
        if live is not None and self.clean(live) == change.before:
            return
        if holds_masked(after_or_before):
            raise DriverRejected(f"{change.address} cannot be put back: it held a value that is not recorded.")
        if change.action == "replace" and live is not None:
            self.remove(after_or_before)
            live = None
        if live is None:
            self._make(kind, after_or_before)
        else:
            self._put(kind, after_or_before, live)

    def _delete(self, kind: Kind, namespace: str, name: str) -> None:
        live = self.api.get(kind, namespace, name)
        if live is not None:
            self._refuse_older(live)
            self._fenced(lambda: self.api.delete(kind, live))

    def _again(self, attempt: Callable[[], None]) -> None:
        """Controllers write the status of what they look after: read again, and judge again, a few times."""
        for left in range(_TRIES, 0, -1):
            try:
                return attempt()
            except Conflict:
                if left == 1:
                    raise
                time.sleep(_POLL_S / left)

    def _create(self, kind: Kind, body: Object, change: Change) -> None:
        if change.action not in {"create", "replace"}:
            raise DriverRejected(f"{change.address} was removed by someone else since this was planned.")
        self._refuse_unplanned(kind, body, change)
        self._make(kind, body)
        self.log(f"{change.address}: made")

    def _make(self, kind: Kind, body: Object) -> None:
        live = self._fenced(lambda: self.api.create(kind, self._stamped(body)))
        self._owned(kind, live)

    def _owned(self, kind: Kind, live: Object) -> Object:
        """A creation is an update to the server; only fields of an apply are dropped by a later apply."""
        for _ in range(_TRIES):
            if not is_created_only(live):
                return live
            try:
                self.key.guard()
                return self.api.own(kind, live)
            except Conflict:
                found = self.api.get(kind, _namespace(live), live["metadata"]["name"])
                if found is None:
                    break
                self._refuse_older(found)
                live = found
        raise DriverUnavailable(f"{kind.name} {live['metadata']['name']} changes all the time.")

    def _refuse_unplanned(self, kind: Kind, body: Object, change: Change) -> None:
        if self.clean(body) == change.after or assigned(self.clean(body))[0] == change.after:
            return
        made = self.clean(self.api.apply(kind, body, dry_run=True))
        if change.after not in (made, assigned(made)[0]):
            raise DriverRejected(f"{change.address} would come out otherwise than planned. Plan it again.")

    def _seal(self, space: Object) -> None:
        """Change every object's resourceVersion: whatever an older writer still has under way is refused."""
        found = view.look(self.api, self.spec)
        for live in found.objects.values():
            self._mark(self._kind(live), live)
        self.log(f"An earlier worker was at work in {space['metadata']['name']}: its late writes are refused now.")

    def _mark(self, kind: Kind, live: Object | None) -> None:
        for _ in range(_TRIES):
            if live is None:
                return
            self._refuse_older(live)
            try:
                self.key.guard()
                self.api.merge(kind, live, {"metadata": {"annotations": {FENCE: str(self.key.fence)}}}, manager=_BOOKS)
                return
            except (Conflict, Gone):
                live = self.api.get(kind, _namespace(live), live["metadata"]["name"])
        raise DriverUnavailable("An object of the environment changes all the time.")

    def _claim(self, space: Object, kinds: set[str]) -> Object:
        mine = {
            FENCE: str(self.key.fence),
            OPERATION: self.key.operation,
            ACTIVE: str(self.key.fence),
            KINDS: ",".join(sorted({*view.kinds_of(space), *kinds})),
            names.EXPIRES: self.spec.expires_at,
        }
        labels = {names.COST_CENTRE: names.label(self.spec.cost_centre)}
        return {"metadata": {"annotations": mine, "labels": labels}}

    def _fenced(self, call: Callable[[], Any]) -> Any:
        """The guard, then the call; a conflict is told as a lost lease where a newer fence is the cause."""
        self.key.guard()
        try:
            return call()
        except (Conflict, Gone) as late:
            raise self._overtaken(late) from None

    def _overtaken(self, late: Exception) -> Exception:
        space = view.find(self.api, self.spec)
        if space is not None and view.labelled(space) == self.spec.id:
            self._refuse_older(space)
        return late

    def _refuse_older(self, live: Mapping[str, Any]) -> None:
        fence = _notes(live).get(FENCE, "0")
        if fence.isdigit() and int(fence) > self.key.fence:
            raise LeaseLost("a newer owner has been at work in the cluster")

    def _stamped(self, body: Object) -> Object:
        notes = {**_notes(body), **self._stamps()}
        if body["kind"] == "Namespace":
            notes |= {ACTIVE: str(self.key.fence)}
        return {**body, "metadata": {**body["metadata"], "annotations": notes}}

    def _stamps(self) -> dict[str, str]:
        return {FENCE: str(self.key.fence), OPERATION: self.key.operation}

    def _is_own(self, live: Mapping[str, Any]) -> bool:
        """Whether this very operation wrote the object last."""
        return _notes(live).get(OPERATION) == self.key.operation

    def _kind(self, body: Mapping[str, Any]) -> Kind:
        return self.api.kind(body["apiVersion"], body["kind"])


def _notes(live: Mapping[str, Any]) -> dict[str, str]:
    return dict(live["metadata"].get("annotations") or {})


def _namespace(body: Mapping[str, Any]) -> str:
    return str(body["metadata"].get("namespace") or "")
