"""What is wrong with a catalogue, and where. Says nothing about how it was read or what happens next."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One reason why a sync is refused: the file, its line (1 when the whole file is meant), a sentence.

    `file` is empty when the repository itself could not be read.
    """

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        if not self.file:
            return self.reason
        return f"{self.file}, line {self.line}: {self.reason}"
