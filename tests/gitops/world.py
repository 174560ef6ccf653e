"""A repository, a signing key and environments to commit: what the tests of the GitOps driver stand on."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from catalog import git, seed
from provisioning.drivers.base import EnvironmentSpec, Plan, ReleaseSpec, SecretSpec, Step, StepKey, TargetSpec
from provisioning.drivers.gitops.driver import GitopsDriver
from provisioning.drivers.kubernetes.connect import Connections
from provisioning.vault import Secret
from tests.gitops import hands

AUTHOR = "Berth <berth@example.org>"
FENCES = count(1)
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": "${replicas}",
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "example.org/web:${release.version}"}]},
        },
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}
RESOURCES = {"initial": {"version": "1.0.0"}, "manifests": [DEPLOYMENT, SERVICE]}


def release(version: str) -> ReleaseSpec:
    """A release of the service."""
    return ReleaseSpec(version, "sha256:" + "0" * 64)


def holds() -> None:
    """The guard of a worker whose lease is safe."""


def key(operation: str = "op-1", *, fence: int | None = None, guard: Callable[[], None] = holds) -> StepKey:
    """A key of an operation, with a newer fence than any before unless one is given."""
    return StepKey(operation=operation, fence=next(FENCES) if fence is None else fence, guard=guard)


@dataclass
class World:
    """One remote repository, and workers that commit to it with one signing key."""

    home: Path
    config: dict[str, Any] = field(default_factory=dict)
    connections: Connections | None = None
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.remote = self.home / "remote.git"
        seed.seed_repository(self.remote, self.home / "nothing")
        seed.commit(self.remote, {"README.md": b"# Environments\n"}, message="Begin")
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "berth", "-f", str(self.home / "signing")]
        subprocess.run(keygen, check=True)
        self.credentials = {"signing_key": Secret((self.home / "signing").read_text())}
        self.driver = self.new_driver()

    def new_driver(self) -> GitopsDriver:
        """The driver as another worker has it."""
        return GitopsDriver(credentials=lambda _path: self.credentials, connections=self.connections, limit_s=20)

    @property
    def target(self) -> TargetSpec:
        given = {"repository": f"file://{self.remote}", "author": AUTHOR, **self.config}
        return TargetSpec("eu-1", given, "targets/eu-1")

    def spec(self, name: str = "shop", **changes: Any) -> EnvironmentSpec:
        """An environment of two replicas in dev, with a secret."""
        made = EnvironmentSpec(
            id=str(uuid5(NAMESPACE_DNS, name)),
            name=name,
            tier="dev",
            team="payments",
            service="shop",
            template="sha256:" + "a" * 64,
            parameters={"replicas": 2},
            resources=RESOURCES,
            release=None,
            secrets=(SecretSpec("database", f"env/{name}/database"),),
            target=self.target,
        )
        return replace(made, **changes)

    def plan(self, spec: EnvironmentSpec, verb: str) -> Plan:
        """Observe and plan."""
        return self.driver.plan(spec, self.driver.observe(spec), verb)

    def steps(self, spec: EnvironmentSpec, verb: str) -> dict[str, Step]:
        """The steps of a plan made now, by name."""
        return {step.name: step for step in self.driver.steps(spec, verb, self.plan(spec, verb))}

    def carry_out(self, spec: EnvironmentSpec, verb: str, by: StepKey | None = None) -> dict[str, Any]:
        """The whole operation; what the steps reported, by name."""
        by = by or key(f"{verb}-{next(FENCES)}")
        reported = {}
        for name, step in self.steps(spec, verb).items():
            if not step.done(self.driver.observe(spec)):
                reported[name] = step.apply(by, self.lines.append)
        return reported

    def git(self, *arguments: str) -> str:
        """What git says of the remote."""
        return git.run(self.remote, *arguments).decode().strip()

    def files(self, branch: str = "main") -> dict[str, str]:
        """Every file of a branch."""
        entries = git.entries(self.remote, branch)
        return {path: content.decode() for path, content in git.read(self.remote, entries).items()}

    def commits(self, branch: str = "main") -> list[str]:
        """The subjects, the newest first."""
        return self.git("log", "--format=%s", branch).splitlines()

    def commit(self, files: dict[str, bytes | None], *, branch: str = "main", message: str = "By hand") -> str:
        """Somebody else's commit: these files written (None: removed) on a branch."""
        return hands.commit_by_hand(self.remote, files, branch=branch, message=message)

    def verified(self, commit: str) -> bool:
        """Does git accept the commit's signature as the key's?"""
        allowed = self.home / "allowed"
        allowed.write_text(f"berth@example.org {(self.home / 'signing.pub').read_text()}")
        done = subprocess.run(
            ["git", "-c", f"gpg.ssh.allowedSignersFile={allowed}", f"--git-dir={self.remote}", "verify-commit", commit],
            capture_output=True,
            check=False,
        )
        return done.returncode == 0
