"""The live log of one operation: redacted, split on newline, one row a line, written at once."""

from types import TracebackType

from provisioning.models import Operation, OperationLog
from provisioning.redaction import Redactor

LONGEST = 2000


class StepLog:
    """Callable that writes log lines of the present step. `redactor` learns values from whoever makes them."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.step = ""
        self.redactor = Redactor()

    def __enter__(self) -> "StepLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.step = ""

    def __call__(self, text: str) -> None:
        rows = [
            OperationLog(operation=self.operation, step=self.step, line=line[:LONGEST])
            for line in self.redactor.lines(text)
        ]
        OperationLog.objects.bulk_create(rows)
