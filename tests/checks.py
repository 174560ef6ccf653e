"""`make check`'s last part: migrations, generated pages, API schema, documentation. One line each; exit code tells.

Servers are started only for the check that needs a database; everything else needs settings alone.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from portal.embedded import postgres, roles, state

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "portal.settings",
    "SECRET_KEY": "check",
    "DEBUG": "0",
    "DATABASE_URL": "postgresql://berth_app@127.0.0.1:1/berth",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "NO_MKDOCS_2_WARNING": "1",
}


def run(*arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run a Python command in the root; returns nothing, or what it said when it failed."""
    merged = {**os.environ, **SETTINGS, **(env or {})}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=merged, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()[-4000:] or f"exit {done.returncode}"


def migrations() -> str:
    """Does every change of a model have its migration, and is the recorded history of migrations sound?"""
    base = Path(tempfile.mkdtemp(prefix="berth-check-"))
    base.chmod(0o711)
    (base / "log").mkdir()
    kept = state.load(base)
    server = postgres.start(base, kept, durable=False)
    try:
        passwords = {role: kept.password(role) for role in roles.LOGIN_ROLES}
        roles.bootstrap(server.admin_url, passwords)
        owner = server.url("berth_owner", passwords["berth_owner"], "berth")
        env = {"DJANGO_OWNER": "1", "DATABASE_OWNER_URL": owner, "BERTH_VAR": str(base)}
        return run("manage.py", "makemigrations", "--check", "--dry-run", env=env)
    finally:
        server.stop()
        shutil.rmtree(base, ignore_errors=True)


def states() -> str:
    """Is docs/states.md as the tables say?"""
    return run("manage.py", "states", "--check")


def schema() -> str:
    """Is the API's OpenAPI document valid, and drawn without a warning?"""
    with tempfile.TemporaryDirectory(prefix="berth-check-") as folder:
        file = str(Path(folder) / "schema.yml")
        return run("manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", file)


def documentation() -> str:
    """Does the documentation build without a warning?"""
    with tempfile.TemporaryDirectory(prefix="berth-check-") as folder:
        return run("-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(Path(folder) / "site"))


CHECKS: dict[str, Callable[[], str]] = {
    "migrations": migrations,
    "generated pages": states,
    "API schema": schema,
    "documentation": documentation,
}


def main() -> int:
    """Run all; returns 1 when one failed."""
    failed = 0
    for name, check in CHECKS.items():
        problem = check()
        sys.stdout.write(f"{'FAILED' if problem else 'ok':6}  {name}\n{problem}{chr(10) if problem else ''}")
        sys.stdout.flush()
        failed += bool(problem)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
