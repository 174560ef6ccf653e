"""What to look at when something was wrong: operations that did not end well, and the last lines of every log."""

import shutil

from provisioning.models import Operation
from tests.chaos.installation import Installation
from tests.chaos.run import say

LINES = 10


def keep(made: Installation, place: str) -> None:
    """Copy the logs into a directory."""
    shutil.copytree(made.var / "log", place, dirs_exist_ok=True)


def dump(made: Installation) -> None:
    """Print rows and log tails."""
    for row in Operation.objects.filter(finished_at=None).select_related("environment")[:30]:
        say(f"{row.kind} {row.pk} of {row.environment.name}: {row.status}, try {row.attempts}, {row.blocked!r}")
    for log in sorted((made.var / "log").glob("*.log")):
        for line in log.read_text(errors="replace").splitlines()[-LINES:]:
            say(f"{log.stem}: {line[:300]}")
