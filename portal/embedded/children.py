"""The table of the portal's own processes: what each runs and which secrets it sees (only those it uses)."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.embedded import ports
from portal.embedded.process import Spec

ROOT = Path(__file__).parent.parent.parent
# Names that are handed out one by one; all the rest of our environment is passed on.
RESERVED = (
    "SECRET_KEY",
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "SANDBOX_DATABASE_URL",
    "REDIS_URL",
    "SANDBOX_REDIS_URL",
    "VAULT_ADDR",
    "VAULT_ROLE_ID",
    "VAULT_SECRET_ID_FILE",
    "VAULT_TOKEN_FILE",
)
QUEUE = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL")
VAULT = ("VAULT_ADDR", "VAULT_ROLE_ID", "VAULT_SECRET_ID_FILE", "VAULT_TOKEN_FILE")
SANDBOX = ("SANDBOX_DATABASE_URL", "SANDBOX_REDIS_URL")
MIGRATE = (*QUEUE, "DATABASE_OWNER_URL")
SEED = (*QUEUE, *VAULT, *SANDBOX)


@dataclass(frozen=True)
class Child:
    """One row: name, arguments after the interpreter, reserved variables it sees, port it answers on."""

    name: str
    arguments: tuple[str, ...]
    secrets: tuple[str, ...]
    port: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 10


def table(var: Path, web_port: int, streams_port: int) -> list[Child]:
    """All children in starting order; they are stopped in reverse."""
    celery = ("-m", "celery", "--quiet", "-A", "portal")
    alone = ("--without-mingle", "--without-gossip")
    gunicorn = ("-m", "gunicorn", "portal.wsgi", "--bind", f"{ports.HOST}:{web_port}", "--workers", "2")
    threads = ("--worker-class", "gthread", "--threads", "4")
    uvicorn = ("-m", "uvicorn", "portal.asgi:application", "--host", ports.HOST, "--port", str(streams_port))
    schedule = str(var / "run" / "beat-schedule")
    return [
        Child(
            "web",
            (*gunicorn, *threads, "--graceful-timeout", "5", "--no-control-socket"),
            (*QUEUE, *VAULT),
            port=web_port,
        ),
        Child(
            "streams",
            (*uvicorn, "--log-level", "warning", "--timeout-graceful-shutdown", "2"),
            (*QUEUE, "VAULT_ADDR"),
            port=streams_port,
        ),
        Child(
            "worker",
            (*celery, "worker", *alone, "--concurrency", "2", "--prefetch-multiplier", "1", "--loglevel", "INFO"),
            (*QUEUE, *VAULT, *SANDBOX),
            stop_timeout=30,
        ),
        Child("beat", (*celery, "beat", "--schedule", schedule, "--pidfile", "", "--loglevel", "WARNING"), QUEUE),
        Child("sandboxd", ("manage.py", "sandboxd"), (*QUEUE, *VAULT, *SANDBOX), stop_timeout=20),
        Child("router", ("manage.py", "router"), QUEUE),
    ]


def environment(values: Mapping[str, str], secrets: tuple[str, ...]) -> dict[str, str]:
    """Our environment and `values`, of the reserved names only those in `secrets`."""
    merged = {**os.environ, **values, "PYTHONUNBUFFERED": "1"}
    return {name: value for name, value in merged.items() if name not in RESERVED or name in secrets}


def spec(child: Child, var: Path, values: Mapping[str, str]) -> Spec:
    """The row as something to start."""
    port = child.port
    ready: Callable[[], bool] | None = (lambda: ports.answers(port)) if port else None
    return Spec(
        name=child.name,
        argv=(sys.executable, *child.arguments),
        env=environment({**values, "BERTH_PROCESS": child.name}, child.secrets),
        cwd=ROOT,
        log=var / "log" / f"{child.name}.log",
        stop_signal=child.stop_signal,
        stop_timeout=child.stop_timeout,
        ready=ready,
    )
