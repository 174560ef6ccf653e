"""Makes a project's entry points known to this process as an installed package's are, without installing it."""

import sys
import tempfile
import tomllib
from pathlib import Path

_kept: list[tempfile.TemporaryDirectory[str]] = []


def as_installed(project: Path) -> None:
    """Put the project on the import path, with the metadata that its pyproject.toml promises."""
    facts = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    _kept.append(tempfile.TemporaryDirectory(prefix="berth-installed-"))
    place = Path(_kept[-1].name)
    metadata = place / f"{facts['name'].replace('-', '_')}-{facts['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {facts['name']}\nVersion: {facts['version']}\n")
    groups = [
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())])
        for group, entries in facts["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(groups) + "\n")
    sys.path[:0] = [str(project), str(place)]
