"""One start of the whole portal: checks, servers, migrations, seed, children, and the words at the end."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.embedded import children, ports, preflight, router, servers, state
from portal.embedded.console import Console
from portal.embedded.failure import StartError
from portal.embedded.process import Process, Spec
from portal.embedded.supervisor import Supervisor

READY_SECONDS = 60.0
ASK_SECONDS = 0.5


@dataclass(frozen=True)
class Options:
    """The command line of `up`."""

    port: int
    data_dir: Path
    colour: bool


def run(options: Options) -> None:
    """Start everything, watch until a stop is asked for, stop; raises StartError when it cannot start."""
    preflight.check_machine()
    var = preflight.prepare_directory(options.data_dir)
    with state.lock(var):
        preflight.check_ports(options.port)
        router.find_binary()
        kept = state.load(var)
        table = children.table(var, kept.port("web"), kept.port("streams"))
        console = Console([child.name for child in table], colour=options.colour)
        supervisor = Supervisor(console.say)
        supervisor.listen()
        try:
            console.say(f"Starting servers in {var}.")
            running = servers.start(var, kept, os.environ)
            for process in running.processes:
                supervisor.adopt(process)
            if running.cluster and not running.cluster.home.is_relative_to(var):
                console.say(f"The database lies in {running.cluster.home}: its account may not enter {var}.")
            values = settings(options.port, var, kept) | running.env
            prepare(var, values, supervisor, console)
            serve(table, var, values, supervisor, console)
        finally:
            if supervisor.is_stopping:
                console.say("Stopping; press Ctrl-C again to kill.")
            supervisor.stop_all()
    console.say("Stopped.")


def settings(port: int, var: Path, kept: state.State) -> dict[str, str]:
    """The variables that are no server's address; what the person set stands."""
    defaults = {
        "SECRET_KEY": kept.password("secret-key"),
        "DEBUG": "1",
        "BERTH_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    fixed = {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "BERTH_VAR": str(var),
        "BERTH_PORT": str(port),
        "BERTH_ROUTER_PORT": str(port + 1),
        "BERTH_WEB_PORT": str(kept.port("web")),
        "BERTH_STREAMS_PORT": str(kept.port("streams")),
    }
    return {name: os.environ.get(name) or value for name, value in defaults.items()} | fixed


def prepare(var: Path, values: Mapping[str, str], supervisor: Supervisor, console: Console) -> None:
    """Migrate, collect static files when they changed, seed on the first start."""
    once = Once(var, values, supervisor, console)
    once.command("migrate", "--no-input", secrets=children.MIGRATE, DJANGO_OWNER="1")
    marker = var / "static-fingerprint"
    fingerprint = fingerprint_static()
    if not marker.exists() or marker.read_text() != fingerprint:
        once.command("collectstatic", "--no-input", "--clear", "--verbosity", "0", secrets=children.QUEUE)
        once.note(marker, fingerprint)
    seeded = var / "seeded"
    if not seeded.exists():
        once.command("seed", secrets=children.SEED)
        once.note(seeded, "yes")


@dataclass(frozen=True)
class Once:
    """Runs management commands that must succeed before the portal may serve."""

    var: Path
    values: Mapping[str, str]
    supervisor: Supervisor
    console: Console

    def command(self, name: str, *arguments: str, secrets: tuple[str, ...], **extra: str) -> None:
        """Run one to its end; raises StartError when it fails, returns early when a stop was asked for."""
        if self.supervisor.is_stopping:
            return
        process = Process(
            Spec(
                name=name,
                argv=(sys.executable, "manage.py", name, *arguments),
                env=children.environment({**self.values, "BERTH_PROCESS": name, **extra}, secrets),
                cwd=children.ROOT,
                log=self.var / "log" / f"{name}.log",
            ),
            self.console.line,
        )
        process.start()
        while process.is_running and not self.supervisor.is_stopping:
            time.sleep(0.05)
        code = process.poll()
        process.stop()
        if code:
            raise StartError(f"`manage.py {name}` failed (exit {code}){process.last_words()}.")

    def note(self, marker: Path, text: str) -> None:
        """Remember that a step is done, unless it was cut short."""
        if not self.supervisor.is_stopping:
            marker.write_text(text)


def fingerprint_static() -> str:
    """Changes when a static file of ours or an installed package does."""
    digest = hashlib.sha256()
    static = children.ROOT / "static"
    for path in [children.ROOT / "requirements.txt", *sorted(static.rglob("*"))]:
        if path.is_file():
            facts = path.stat()
            digest.update(f"{path}:{facts.st_size}:{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def serve(
    table: list[children.Child],
    var: Path,
    values: Mapping[str, str],
    supervisor: Supervisor,
    console: Console,
) -> None:
    """Start the children, say when the portal answers, and watch until a stop is asked for."""
    for child in table:
        if supervisor.is_stopping:
            return
        supervisor.start(Process(children.spec(child, var, values), console.line))
    wait_ready(int(values["BERTH_PORT"]), supervisor, console)
    if not supervisor.is_stopping:
        console.say(welcome(var, values))
    supervisor.watch()


def wait_ready(port: int, supervisor: Supervisor, console: Console) -> None:
    """Return when /readyz says 200 or a stop is asked for; now and then say what is being waited for."""
    patience = time.monotonic() + READY_SECONDS
    while not supervisor.is_stopping:
        supervisor.check()
        status, answer = ports.get(port, "/readyz")
        if status == 200:
            return
        if time.monotonic() > patience:
            patience += READY_SECONDS
            silent = ", ".join(supervisor.silent())
            console.say(f"Not ready yet: /readyz says {status or answer}; no sign of: {silent or 'nobody'}.")
        supervisor.pause(ASK_SECONDS)


def welcome(var: Path, values: Mapping[str, str]) -> str:
    """Where to go, and with DEBUG who can sign in."""
    lines = [f"Berth is ready: {values['BERTH_PUBLIC_URL']}  (Ctrl-C stops everything)"]
    people = var / "seed.json"
    if values["DEBUG"] in {"1", "true"} and people.exists():
        lines.append("Sign in as:")
        lines += [
            f"  {person['username']:<12} {person['password']:<24} {person['role']}"
            for person in json.loads(people.read_text())
        ]
    return "\n".join(lines)
