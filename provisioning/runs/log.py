"""The live log of one operation: redacted, split on newline, one row a line, written at once."""

from types import TracebackType

from django.db import connection

from provisioning import redaction
from provisioning.models import Operation

LONGEST = 2000
_APPEND = """
INSERT INTO provisioning_operationlog (operation_id, at, step, line)
SELECT %(operation)s, clock_timestamp(), %(step)s, line
FROM unnest(%(lines)s::text[]) WITH ORDINALITY AS said (line, place) ORDER BY place
"""
# Readable at once, but not waited for on disk: the record of the step, committed after it, brings it there.
_APPEND_FAST = _APPEND.replace(
    "ORDER BY", "CROSS JOIN (SELECT set_config('synchronous_commit', 'off', true)) AS fast ORDER BY"
)


class StepLog:
    """Callable that writes log lines of the present step, without the secrets that this process knows."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.step = ""

    def __enter__(self) -> "StepLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.step = ""

    def __call__(self, text: str) -> None:
        lines = [line[:LONGEST] for line in redaction.KNOWN.lines(text)]
        if lines:
            # The setting lasts for the transaction, so never inside one of somebody else.
            append = _APPEND if connection.in_atomic_block else _APPEND_FAST
            with connection.cursor() as cursor:
                cursor.execute(append, {"operation": self.operation.pk, "step": self.step, "lines": lines})
