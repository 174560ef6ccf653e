"""`manage.py states`: draws docs/states.md from the transition tables of provisioning/states.py.

Pure text, the same at every run; which changes are legal is decided in states.py alone.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import TextChoices

from provisioning import states

PAGE = Path("docs") / "states.md"
_HEAD = """# States

Drawn by `python manage.py states` from `provisioning/states.py`; do not edit this page. The same tables are
checked by a trigger in the database, so that no statement can take a row along an arrow that is not drawn here.
"""
_OPERATION = """
## Operation

An operation is one change asked of an environment. A change of its status records the event
`operation.<status>`.

| Statuses | Are |
|---|---|
| {waiting} | waiting; any number of them per environment |
| {active} | active; one per environment, by a partial unique index |
| {terminal} | ended; a failed one may be tried again and then goes on with its locked plan |
"""
_ENVIRONMENT = """
## Environment

The status of an environment is what its operations have last recorded of it.
"""


class Command(BaseCommand):
    """Writes the page, or with --check compares it."""

    help = "Draw docs/states.md from the transition tables (--check: only say whether it is up to date)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --check."""
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the page is stale")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write or compare."""
        page = Path(settings.BASE_DIR) / PAGE
        drawn = render()
        if not options["check"]:
            page.write_text(drawn, encoding="utf-8")
            self.stdout.write(f"{PAGE} written.")
        elif not page.exists() or page.read_text(encoding="utf-8") != drawn:
            raise CommandError(f"{PAGE} is stale; run `python manage.py states`.")
        else:
            self.stdout.write(f"{PAGE} is up to date.")


def render() -> str:
    """Return the whole page."""
    operation = _OPERATION.format(
        active=_listed(states.ACTIVE),
        waiting=_listed(states.WAITING),
        terminal=_listed(states.TERMINAL),
    )
    parts = [
        _HEAD,
        operation,
        *_drawn(states.OPERATION, states.OperationStatus),
        _ENVIRONMENT,
        *_drawn(states.ENVIRONMENT, states.EnvironmentStatus),
    ]
    return "".join(parts)


def _drawn(table: dict[str, frozenset[str]], words: type[TextChoices]) -> list[str]:
    rows = [f"| `{state}` | {words(state).label} | {_targets(table[state])} |" for state in table]
    first = next(iter(table))
    arrows = [f"    {state} --> {target}" for state in table for target in sorted(table[state])]
    ends = [f"    {state} --> [*]" for state in table if not table[state]]
    return [
        "\n| Status | Shown as | May become |\n|---|---|---|\n",
        "\n".join(rows),
        "\n\n```mermaid\nstateDiagram-v2\n",
        "\n".join([f"    [*] --> {first}", *arrows, *ends]),
        "\n```\n",
    ]


def _targets(targets: frozenset[str]) -> str:
    return ", ".join(f"`{target}`" for target in sorted(targets)) or "–"


def _listed(chosen: frozenset[str]) -> str:
    """The statuses in the order of the table."""
    return ", ".join(f"`{state}`" for state in states.OPERATION if state in chosen)
