"""Debian's own packages and source, fetched by an ordinary user: a private apt directory, nothing is installed."""

import os
import subprocess
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class BuildError(Exception):
    """A sentence that says what could not be made, and what to do."""


def run(argv: list[str], *, cwd: Path, env: dict[str, str] | None = None) -> str:
    """The output of a command; raises BuildError with its last lines."""
    try:
        done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    except FileNotFoundError as problem:
        raise BuildError(f"{argv[0]} is not on PATH, and the cluster is built with it.") from problem
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise BuildError(f"{' '.join(argv[:4])}… ended with {done.returncode}:\n{said}")
    return done.stdout


def archive(release: str) -> str:
    """The address this machine gets Debian from, or the one in BERTH_DEBIAN_MIRROR."""
    named = os.environ.get("BERTH_DEBIAN_MIRROR")
    if named:
        return named
    listed = run(
        ["apt-get", "indextargets", "--format", "$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)"], cwd=Path("/")
    )
    for line in listed.splitlines():
        made_by, suite, component, address = line.split()
        if (made_by, suite, component) == ("Packages", release, "main"):
            return address
    raise BuildError(
        f"apt on this machine has no {release} main. Set BERTH_DEBIAN_MIRROR to the address of a Debian archive."
    )


class Apt:
    """apt-get with lists, cache and sources of its own below `home`."""

    def __init__(self, home: Path, release: str) -> None:
        self.home = home
        (home / "lists" / "partial").mkdir(parents=True)
        (home / "archives" / "partial").mkdir(parents=True)
        place = f"[signed-by={KEYRING}] {archive(release)} {release} main"
        (home / "sources.list").write_text(f"deb {place}\ndeb-src {place}\n")
        self("update")

    def __call__(self, *arguments: str) -> None:
        """Run one apt-get command; what it fetches lands in `home`."""
        options = {
            "Dir::Etc::sourcelist": self.home / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": self.home / "lists",
            "Dir::Cache": self.home,
            "Dir::Cache::archives": self.home / "archives",
            "APT::Sandbox::User": "",
            "APT::Update::Post-Invoke": "",
            "APT::Update::Post-Invoke-Success": "",
        }
        given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        run(["apt-get", "-qq", *given, *arguments], cwd=self.home)


def unpack(apt: Apt, packages: tuple[str, ...], root: Path) -> None:
    """Lay the packages' files below `root`."""
    apt("download", *packages)
    for package in sorted(apt.home.glob("*.deb")):
        run(["dpkg", "-x", str(package), str(root)], cwd=apt.home)


def unpack_source(apt: Apt, source: str, tree: Path) -> None:
    """Lay the upstream source into `tree`, with Debian's patches applied; needs no packaging tools."""
    apt("source", "--download-only", source)
    name = source.partition("=")[0]
    tree.mkdir()
    upstream, packaging = (next(apt.home.glob(f"{name}_*.{part}.tar.*")) for part in ("orig", "debian"))
    run(["tar", "-xf", str(upstream), "--strip-components=1"], cwd=tree)
    run(["tar", "-xf", str(packaging)], cwd=tree)
    # git looks for a repository above and would apply the patches to that one.
    env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    for patch in (tree / "debian" / "patches" / "series").read_text().split():
        run(["git", "apply", f"debian/patches/{patch}"], cwd=tree, env=env)
