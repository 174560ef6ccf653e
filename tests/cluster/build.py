"""Builds the control plane into the cache, once per recipe; the build tree is gone afterwards."""

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import debian, definitions
from tests.cluster.debian import BuildError, run
from tests.cluster.recipe import CACHE, RECIPE, home, is_built

COMMANDS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
PACKAGED = ("etcd", "kubectl")
OPENAPI = "k8s.io/kubernetes/pkg/generated/openapi"
WITHOUT = ("code-generator", "gengo", "kube-openapi", "sample-apiserver", "sample-controller", "sample-cli-plugin")


def build() -> Path:
    """The directory with `bin/` and `definitions.json`; builds it when it is not there (about 4 minutes on 2 cores)."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with _alone(CACHE / "lock"):
        if not is_built():
            for abandoned in CACHE.glob("build-*"):
                shutil.rmtree(abandoned, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix="build-", dir=CACHE) as tree:
                _make(Path(tree))
                shutil.rmtree(home(), ignore_errors=True)
                (Path(tree) / "made").rename(home())
    return home()


def _make(tree: Path) -> None:
    made = tree / "made"
    (made / "bin").mkdir(parents=True)
    say("fetching the packages and the source")
    apt = debian.Apt(tree / "apt", RECIPE.release)
    debian.unpack(apt, RECIPE.packages, tree / "root")
    debian.unpack_source(apt, RECIPE.source, tree / "source")
    _replace_reflect2(tree)
    for name in PACKAGED:
        shutil.copy2(tree / "root" / "usr" / "bin" / name, made / "bin")
    say("fetching the published resource definitions")
    definitions.write(made / "definitions.json", tree)
    go = Go(tree)
    say("generating the OpenAPI of the API server")
    _generate_openapi(go)
    go.build(made / "bin" / "make-certificate", str(go.root / "src" / "crypto" / "tls" / "generate_cert.go"))
    say(f"building {', '.join(COMMANDS)}")
    go.build(made / "bin", *(f"./cmd/{name}" for name in COMMANDS), flags=_version_flags())
    say("done")


class Go:
    """Debian's compiler, run from where it was unpacked, without modules and without the network."""

    def __init__(self, tree: Path) -> None:
        self.root = tree / "root" / RECIPE.go
        self.work = tree / "path" / "src" / "k8s.io" / "kubernetes"
        self.work.parent.mkdir(parents=True)
        (tree / "source").rename(self.work)
        self.env = {
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "HOME": str(tree),
            "TMPDIR": str(tree),
            "GOROOT": str(self.root),
            "GOPATH": str(tree / "path"),
            "GOCACHE": str(tree / "gocache"),
            "GO111MODULE": "off",
            "GOENV": "off",
            "CGO_ENABLED": "0",
            # The compiler's processes are short: collecting their garbage costs more than the memory it saves.
            "GOGC": "400",
        }

    def build(self, out: Path, *packages: str, flags: str = "-s -w") -> None:
        """Compile a program, or several into a directory; at most two packages at a time."""
        self.run(["go", "build", "-p", "2", "-ldflags", flags, "-o", str(out), *packages])

    def run(self, argv: list[str]) -> None:
        """Run a tool in the tree of the source, politely: below everybody else."""
        run(["nice", *argv], cwd=self.work, env=self.env)


def _replace_reflect2(tree: Path) -> None:
    """The vendored release reads the runtime's types in a way that newer compilers broke: it ends in a segfault."""
    name = "github.com/modern-go/reflect2"
    vendored = tree / "source" / "vendor" / name
    shutil.rmtree(vendored)
    shutil.copytree(tree / "root" / "usr" / "share" / "gocode" / "src" / name, vendored)


def _generate_openapi(go: Go) -> None:
    """The source comes without this one generated file; what it needs is made the way its Makefile makes it."""
    tool = go.work / "_openapi-gen"
    go.build(tool, "./vendor/k8s.io/kube-openapi/cmd/openapi-gen")
    inputs = ",".join(f"k8s.io/kubernetes/{folder}" for folder in _tagged(go.work))
    header = "vendor/k8s.io/code-generator/hack/boilerplate.go.txt"
    report = go.work / "_violations"
    argv = [str(tool), "--logtostderr", "-i", inputs, "-p", OPENAPI, "-O", "zz_generated.openapi", "-h", header]
    go.run([*argv, "-r", str(report)])
    if report.read_text() != (go.work / "api" / "api-rules" / "violation_exceptions.list").read_text():
        raise BuildError("The generated OpenAPI is not the one that this source expects; the set of packages differs.")


def _tagged(work: Path) -> list[str]:
    """Folders with types that ask for OpenAPI."""
    vendored = [f for f in (work / "vendor" / "k8s.io").iterdir() if f.name not in WITHOUT]
    found: set[str] = set()
    for top in (work / "cmd", work / "pkg", work / "plugin", *vendored):
        for path in top.resolve().rglob("*.go"):
            if (
                not path.name.endswith("_test.go")
                and "testdata" not in path.parts
                and b"+k8s:openapi-gen=" in path.read_bytes()
            ):
                inside = path.parent.relative_to(top.resolve())
                found.add(str(top.relative_to(work) / inside))
    return sorted(found)


def _version_flags() -> str:
    major, minor, _ = RECIPE.version.removeprefix("v").split(".")
    facts = {"gitVersion": RECIPE.version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "archive"}
    places = ("client-go/pkg", "component-base")
    named = [f"-X k8s.io/kubernetes/vendor/k8s.io/{p}/version.{k}={v}" for p in places for k, v in facts.items()]
    return " ".join(["-s", "-w", *named])


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One build at a time on this machine; the second waits and finds it made."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def say(what: str) -> None:
    """Progress, for whoever waits."""
    print(f"cluster {time.strftime('%H:%M:%S')}: {what}", file=sys.stderr, flush=True)
