"""The GitOps driver: what it plans, observes and gives out. Steps, repository and engines have modules of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from catalog import git
from provisioning.drivers import base
from provisioning.drivers.base import (
    DriverRejected,
    EnvironmentSpec,
    Health,
    Plan,
    Resource,
    Resources,
    Step,
    TargetSpec,
)
from provisioning.drivers.gitops import documents, overlay, placeholders, planning, schema
from provisioning.drivers.gitops.applications import ENGINES, Applications
from provisioning.drivers.gitops.engines import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, SYNCED
from provisioning.drivers.gitops.landing import BRANCH, FILE
from provisioning.drivers.gitops.place import Place, ReadCredentials, place_of, read_credentials
from provisioning.drivers.gitops.repository import Repository, translated
from provisioning.drivers.gitops.review import PlainReviews, Reviews
from provisioning.drivers.gitops.steps import Steps, World
from provisioning.drivers.gitops.watching import shown
from provisioning.drivers.kubernetes.connect import Connections
from provisioning.vault import from_settings

_HEALTH: Mapping[str, str] = {
    HEALTHY: "healthy",
    SUSPENDED: "healthy",
    DEGRADED: "degraded",
    PROGRESSING: "progressing",
}


class GitopsDriver(base.Driver):
    """Commits environments to a Git repository and has Argo CD or Flux carry them into a cluster.

    The arguments are seams: where credentials come from, how a cluster is reached, who reviews, the directory of the
    cached repositories, and how long one push may take (the engine's own limit, so that a guard's promise holds).
    """

    name = "gitops"
    capabilities = frozenset({"create", "update", "suspend", "resume", "destroy", "deploy", "reconcile"})
    template_schema = schema.TEMPLATE_SCHEMA
    target_schema = schema.TARGET_SCHEMA

    def __init__(
        self,
        *,
        credentials: ReadCredentials = read_credentials,
        connections: Connections | None = None,
        reviews: Callable[[Repository], Reviews] | None = None,
        var: Path | None = None,
        limit_s: int = 0,
    ) -> None:
        self._var, self._limit_s = var, limit_s
        self._credentials = credentials
        self._connections = connections or Connections()
        self._reviews = reviews or (lambda _repository: PlainReviews())

    def plan(self, spec: EnvironmentSpec, observed: Resources, kind: str) -> Plan:
        """The rendered folder against the branch's head, file by file, and the engine's objects."""
        place = place_of(spec.target)
        made = planning.plan(spec, place, observed, kind)
        if kind == "create" and not observed:
            self._refuse_taken(spec, place)
        return made

    def steps(self, spec: EnvironmentSpec, kind: str, plan: Plan) -> tuple[Step, ...]:
        """The steps of an operation in order."""
        place = place_of(spec.target)
        world = World(
            place=place,
            repository=lambda: self._repository(place),
            applications=lambda: self._applications(spec, place),
            reviews=self._reviews,
        )
        return tuple(Steps(spec, kind, plan, world).ordered())

    def observe(self, spec: EnvironmentSpec) -> Resources:
        """The environment's files at the branch's head, what waits for review, the engine's objects with both axes."""
        place = place_of(spec.target)
        found = [Resource(f"{FILE}{path}", document) for path, document in self._own_files(spec, place).items()]
        if place.reviewed:
            offered = self._repository(place).offered(spec.id)
            found += [Resource(f"{BRANCH}{branch}", {"commit": commit}) for branch, commit in offered.items()]
        if place.engine != "none":
            found += self._objects(spec, place)
        return {resource.address: resource for resource in found}

    def outputs(self, spec: EnvironmentSpec) -> Mapping[str, str]:
        """Where the environment stands in Git and in the cluster."""
        place = place_of(spec.target)
        found = {"repository": place.repository, "branch": place.branch, "path": place.folder(spec)}
        if place.engine != "none":
            found["namespace"] = placeholders.namespace(spec)
            found |= {piece.kind.lower(): f"{piece.namespace}/{piece.name}" for piece in planning.pieces(spec, place)}
        return found

    def secrets(self, spec: EnvironmentSpec) -> Mapping[str, int]:
        """The version of each secret that stands in Vault; Git holds its path alone."""
        return from_settings().kv_versions({secret.name: secret.path for secret in spec.secrets})

    def problems(self, resources: Mapping[str, Any]) -> tuple[str, ...]:
        """What keeps a template with these resources from working here."""
        return schema.problems(resources)

    def health(self, spec: EnvironmentSpec) -> Health:
        """Health as the engine tells it; being out of sync is named beside it, since it is another matter."""
        place = place_of(spec.target)
        files = _by_name(self._own_files(spec, place), place.folder(spec))
        release = overlay.release_of(files)
        releases = (release,) if release else ()
        if place.engine == "none":
            return Health("unknown", "No engine is set for this target, so nobody tells its health.", releases)
        axes = self._applications(spec, place).axes(planning.pieces(spec, place))
        title = ENGINES[place.engine].title
        status = _HEALTH.get(axes.health, "unknown")
        reason = f"{title} finds it {axes.health}{shown(axes.why_not_healthy)}" if status != "healthy" else ""
        if axes.sync != SYNCED:
            reason = f"{reason} {title} finds it {axes.sync}{shown(axes.why_not_synced)}".strip()
        return Health(status, reason, releases)  # type: ignore[arg-type]

    def check(self, target: TargetSpec) -> str:
        """Fetch the branch, sign a commit that nobody sees, and ask the cluster for what the engine serves."""
        place = place_of(target)
        repository = self._repository(place)
        head = repository.head(place.branch)
        if head is None:
            raise DriverRejected(f"{place.repository} answers, but it has no branch {place.branch}.")
        repository.commit(repository.tree(head, {}), head, "Check of the signing key\n")
        told = f"{place.branch} stands at {head[:12]}; commits can be {'signed' if place.signing == 'ssh' else 'made'}"
        if place.engine == "none":
            return f"{told}."
        api, engine = self._connections.to(target), ENGINES[place.engine]
        for piece in engine.pieces(planning.probe(place)):
            api.kind(piece.api_version, piece.kind)
        return f"{told}; Kubernetes {api.version()} serves the kinds of {engine.title}."

    def _own_files(self, spec: EnvironmentSpec, place: Place) -> dict[str, documents.Document]:
        """What stands in the folder, unless it says that it is another environment's."""
        files, owner = self._standing(spec, place)
        return files if owner == spec.id else {}

    def _standing(self, spec: EnvironmentSpec, place: Place) -> tuple[dict[str, documents.Document], str | None]:
        repository, folder = self._repository(place), place.folder(spec)
        head = repository.head(place.branch)
        blobs = repository.blobs(head, folder)
        files = {path: documents.shown(documents.parse(raw)) for path, raw in blobs.items()}
        owner = overlay.owner_of(_by_name(files, folder))
        if files and owner is None:
            history = repository.history(head, folder)
            owner = history[0].environment if history else None
        return files, owner

    def _refuse_taken(self, spec: EnvironmentSpec, place: Place) -> None:
        files, _owner = self._standing(spec, place)
        if files:
            raise DriverRejected(
                f"{place.folder(spec)} is there already on {place.branch} and belongs to somebody else."
            )

    def _objects(self, spec: EnvironmentSpec, place: Place) -> list[Resource]:
        pieces = planning.pieces(spec, place)
        applications = self._applications(spec, place)
        live = applications.live(pieces)
        axes = applications.engine.axes(live)
        found = []
        for piece in pieces:
            there = live[piece.kind]
            if there is not None:
                state = {"spec": there.get("spec") or {}, "sync": axes.sync, "health": axes.health}
                found.append(Resource(piece.address, state))
        return found

    def _repository(self, place: Place) -> Repository:
        var = self._var or settings.BERTH.var
        try:
            git.Remote(place.repository, place.branch, var).check()
        except git.BadAddress as problem:
            raise translated(problem) from None
        limit_s = self._limit_s or settings.BERTH.call_limit_seconds
        return Repository(place, self._credentials(place.credentials), var, limit_s)

    def _applications(self, spec: EnvironmentSpec, place: Place) -> Applications:
        return Applications(self._connections.of(spec), ENGINES[place.engine], spec.id)


def _by_name(files: Mapping[str, documents.Document], folder: str) -> dict[str, documents.Document]:
    return {path.removeprefix(f"{folder}/"): document for path, document in files.items()}
