"""What the cluster is made of, pinned: Debian packages, the source, the published resource definitions."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("BERTH_CLUSTER_CACHE") or ROOT / "var" / "cache" / "cluster").resolve()
BINARIES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "make-certificate")


@dataclass(frozen=True)
class Definition:
    """One kind, and the npm package whose type file was generated from its published definition."""

    package: str
    version: str
    sha256: str
    path: str
    plural: str
    short: tuple[str, ...] = ()
    has_status: bool = True


@dataclass(frozen=True)
class Recipe:
    """Everything that a build depends on; the cache is keyed by it."""

    release: str = "bookworm"
    source: str = "kubernetes=1.20.5+really1.20.2-1.1+deb12u1"
    packages: tuple[str, ...] = (
        "etcd-server=3.4.23-4+b4",
        "golang-1.19-go=1.19.8-2",
        "golang-1.19-src=1.19.8-2",
        "golang-github-modern-go-reflect2-dev=1.0.2-2",
        "kubernetes-client=1.20.5+really1.20.2-1.1+deb12u1",
    )
    version: str = "v1.20.2"
    go: str = "usr/lib/go-1.19"
    steps: int = 1  # raise it when build.py makes something else of the same parts
    definitions: tuple[Definition, ...] = field(
        default=(
            Definition(
                "@kubernetes-models/argo-cd",
                "2.7.2",
                "d3244c7be85befd09d8a4bf6bc1900b4ffbbff519d06c329a53fddced422c269",
                "argoproj.io/v1alpha1/Application.d.ts",
                "applications",
                ("app", "apps"),
                has_status=False,
            ),
            Definition(
                "@kubernetes-models/flux-cd",
                "2.3.4",
                "e42c7cf15247335913a3e79aae8e3fe27c5860a711accf8ee367f983853c31ac",
                "kustomize.toolkit.fluxcd.io/v1/Kustomization.d.ts",
                "kustomizations",
                ("ks",),
            ),
            Definition(
                "@kubernetes-models/flux-cd",
                "2.3.4",
                "e42c7cf15247335913a3e79aae8e3fe27c5860a711accf8ee367f983853c31ac",
                "source.toolkit.fluxcd.io/v1/GitRepository.d.ts",
                "gitrepositories",
                ("gitrepo",),
            ),
            Definition(
                "@kubernetes-models/gateway-api",
                "0.5.1",
                "3650c87c49f95ccf5fee93f29a076ea4781e2a346fbe085a1143a4da9323d156",
                "gateway.networking.k8s.io/v1/HTTPRoute.d.ts",
                "httproutes",
            ),
        )
    )

    def key(self) -> str:
        """Sixteen hex digits that change with anything above."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


RECIPE = Recipe()


def home() -> Path:
    """Where the build of this recipe is, or will be."""
    return CACHE / RECIPE.key()


def is_built() -> bool:
    """Whether every part is there; the directory appears in one step, at the end of a build."""
    return all((home() / "bin" / name).exists() for name in BINARIES) and (home() / "definitions.json").exists()
