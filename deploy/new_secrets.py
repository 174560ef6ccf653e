"""Writes `.env` with fresh secrets for docker-compose.yml, from the names in `.env.example`. Standard library only.

Run once: `python deploy/new_secrets.py`. An `.env` that is already there is left alone.
"""

import base64
import os
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEAL_KEY = "BERTH_SEAL_KEY"


def filled(example: str) -> str:
    """Return the text with a value behind each `NAME=` that has none."""
    lines = []
    for line in example.splitlines():
        name, equals, value = line.partition("=")
        is_empty = equals and not value and not line.startswith("#")
        lines.append(f"{name}={_fresh(name)}" if is_empty else line)
    return "\n".join(lines) + "\n"


def _fresh(name: str) -> str:
    """A value that needs no quoting in a URL; the seal key is 32 bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode() if name == SEAL_KEY else secrets.token_urlsafe(32)


def main(root: Path = ROOT) -> int:
    """Write the file, readable by its owner alone. Returns 1 when there is one already."""
    target = root / ".env"
    try:
        file = os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")
    except FileExistsError:
        sys.stderr.write(".env is there already; its secrets are in use, so it is left alone.\n")
        return 1
    with file:
        file.write(filled((root / ".env.example").read_text()))
    sys.stdout.write(".env is written. Keep a copy of BERTH_SEAL_KEY apart: without it every secret is lost.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
