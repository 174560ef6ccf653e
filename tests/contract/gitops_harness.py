"""The GitOps driver on a real repository: without an engine, and with Argo CD and Flux played in a real cluster."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import yaml

from catalog import git, seed
from provisioning.drivers.base import TargetSpec
from provisioning.drivers.gitops import keys
from provisioning.drivers.gitops.driver import GitopsDriver
from provisioning.vault import Secret
from tests.cluster import fixtures
from tests.contract.harness import Harness
from tests.gitops.cluster import EngineWorld
from tests.gitops.hands import commit_by_hand
from tests.gitops.world import RESOURCES

SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "db"},
    "stringData": {"password": "hunter2hunter2"},
}

# The tests' own limit for a call is that of leases of two seconds; here nobody holds a lease.
PATIENCE_S = 20


class GitopsHarness(Harness):
    """Commits alone: the push is conditional on the head, so the target itself refuses an outdated worker."""

    slow = True
    name = "gitops"
    conditional = True

    def start(self, place: Path) -> None:
        self.place, self.remote = place, place / "remote.git"
        seed.seed_repository(self.remote, place / "nothing")
        seed.commit(self.remote, {"README.md": b"# Environments\n"})
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "berth", "-f", str(place / "signing")]
        subprocess.run(keygen, check=True)
        self.secrets = {"signing_key": (place / "signing").read_text()}

    def make_driver(self):
        return self.driver() if hasattr(self, "place") else GitopsDriver()

    def driver(self, connections=None):
        secrets = {name: Secret(value) for name, value in self.secrets.items()}
        return GitopsDriver(
            credentials=lambda _path: secrets, connections=connections, var=self.place, limit_s=PATIENCE_S
        )

    def config(self):
        return {"repository": f"file://{self.remote}", "author": "Berth <berth@example.org>"}

    def spec(self, name, **changes):
        target = TargetSpec("eu-1", self.config(), "targets/eu-1")
        made = self.blank(f"{name}-{uuid4().hex[:6]}", parameters={"replicas": 2}, resources=RESOURCES, target=target)
        return replace(made, **changes)

    def aliases(self, spec):
        return (f"{spec.tier}-{spec.name}", *super().aliases(spec))

    def fingerprint(self, spec):
        folder = f"environments/{spec.tier}/{spec.name}"
        entries = git.entries(self.remote, "main", folder)
        contents = git.read(self.remote, entries) if entries else {}
        refs = git.run(self.remote, "for-each-ref", "--format=%(refname)", "refs/heads").decode().split()
        # Parsed, since a name that begins with a digit is written in quotes and another is not.
        return {"files": {path: yaml.safe_load(raw) for path, raw in contents.items()}, "branches": refs}

    def changed(self, spec):
        address = f"file:environments/{spec.tier}/{spec.name}/deployment-web.yaml"
        return replace(spec, parameters={"replicas": 3}), frozenset({address})

    def vandalise(self, spec):
        folder = f"environments/{spec.tier}/{spec.name}"
        commit_by_hand(self.remote, {f"{folder}/deployment-web.yaml": b"kind: Deployment\n", f"{folder}/x.txt": b"x"})

    def break_target(self):
        if self.remote.exists():
            self.remote.rename(self.place / "away.git")

    def mend(self):
        if not self.remote.exists():
            (self.place / "away.git").rename(self.remote)

    def bad_spec(self, name):
        return self.spec(name, resources={"manifests": [SECRET]})

    def cleanup(self, spec):
        folder = f"environments/{spec.tier}/{spec.name}"
        entries = git.entries(self.remote, "main", folder)
        if entries:
            commit_by_hand(self.remote, {entry.path: None for entry in entries})

    def canaries(self, spec):
        return (*self.secrets.values(), *self.secrets["signing_key"].splitlines()[1:-1], "hunter2hunter2")

    def leftovers(self):
        return tuple(str(each) for each in keys.MEMORY.glob(f"{keys.PREFIX}{os.getpid()}-*"))


class EngineHarness(GitopsHarness):
    """With an engine. Its objects are written on a resourceVersion, but a creation has none to name."""

    engine = ""
    needs = "built-cluster"
    conditional = False

    def missing(self):
        return fixtures.missing(self.needs)

    def start(self, place):
        super().start(place)
        self.world = EngineWorld(Path(os.environ[fixtures.KUBECONFIG]), self.engine)
        self.secrets["token"] = self.world.where.token

    def driver(self, connections=None):
        return super().driver(self.world.connections)

    def config(self):
        return {**super().config(), **self.world.config}

    def fingerprint(self, spec):
        objects = self.world.objects(f"{spec.tier}-{spec.name}")
        return {**super().fingerprint(spec), "objects": [_lasting(each) for each in objects]}

    def steady(self, observed):
        moving = {"sync", "health"}
        states = super().steady(observed)
        return {address: {key: states[address][key] for key in {*states[address]} - moving} for address in states}

    def vandalise(self, spec):
        super().vandalise(spec)
        part = {"source": {"path": "elsewhere"}} if self.engine == "argocd" else {"ref": {"branch": "other"}}
        self.world.client.merge(self.world.paths(f"{spec.tier}-{spec.name}")[0], {"spec": part})

    def cleanup(self, spec):
        for path in self.world.paths(f"{spec.tier}-{spec.name}"):
            self.world.client.delete(path)
        super().cleanup(spec)


class ArgocdHarness(EngineHarness):
    name = "argocd"
    engine = "argocd"


class FluxHarness(EngineHarness):
    name = "flux"
    engine = "flux"


def _lasting(thing):
    """What an object is, without what a writer or the controller notes on it."""
    meta = thing["metadata"]
    kept = {name: meta.get(name) for name in ("name", "labels", "finalizers")}
    return {"kind": thing["kind"], "metadata": kept, "spec": thing["spec"]}
