"""What an installation keeps between starts (state.json, 0600), and the lock on its directory."""

import fcntl
import json
import os
import secrets
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from portal.embedded import ports
from portal.embedded.failure import StartError


@dataclass
class State:
    """Contents of state.json; `passwords` by account, `ports` by server."""

    path: Path
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    passwords: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def password(self, account: str) -> str:
        """The account's password, made on first use."""
        if account not in self.passwords:
            self.passwords[account] = secrets.token_urlsafe(32)
            self.save()
        return self.passwords[account]

    def port(self, server: str) -> int:
        """The server's port: the same at every start, unless somebody else took it meanwhile."""
        known = self.ports.get(server)
        if known is None or not ports.is_free(known):
            known = self.ports[server] = ports.free_port()
            self.save()
        return known

    def save(self) -> None:
        """Write the file anew, readable by us alone."""
        content = asdict(self)
        del content["path"]
        write_secret(self.path, json.dumps(content, indent=1))


def load(var: Path) -> State:
    """Read state.json, or begin a new installation; raises StartError for a damaged file."""
    path = var / "state.json"
    if not path.exists():
        state = State(path)
        state.save()
        return state
    try:
        return State(path, **json.loads(path.read_text()))
    except (ValueError, TypeError) as problem:
        raise StartError(f"{path} is damaged; restore it from a backup, or move {var} away.") from problem


def write_secret(path: Path, text: str) -> None:
    """Replace a file in one step; nobody else can read it at any moment."""
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def lock(var: Path) -> IO[str]:
    """Hold the directory for this process; raises StartError when another supervisor has it."""
    file = (var / "up.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise StartError(
            f"Berth already runs on {var} (process {holder}); stop it, or give --data-dir another directory."
        ) from problem
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
