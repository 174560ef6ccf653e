"""How people let a commit in: they merge a branch. Any provider fits behind `Reviews`; plain Git is the one here.

With plain Git nobody is asked anything: a merge is seen when the files stand on the target branch, however they came.
"""

from __future__ import annotations

from typing import Protocol

from provisioning.drivers.base import DriverRejected, Log, StepKey
from provisioning.drivers.gitops.landing import Landing
from provisioning.drivers.gitops.place import Place
from provisioning.drivers.gitops.watching import Patience

_POLL_S = 2.0


class Reviews(Protocol):
    """What a provider of reviews can do."""

    def open(self, branch: str, target: str) -> str:
        """Ask people to merge the branch; returns where they do so, or nothing."""

    def wait(self, landing: Landing, place: Place, key: StepKey, log: Log) -> str:
        """Wait for the merge; returns a commit of the target branch that holds it."""

    def take_back(self, landing: Landing, place: Place, key: StepKey, log: Log) -> None:
        """Withdraw what was offered. What people merged already is left to people."""


class PlainReviews:
    """Branches and nothing else."""

    def __init__(self, poll_s: float = _POLL_S) -> None:
        self._poll_s = poll_s

    def open(self, branch: str, target: str) -> str:
        """Nothing to open: whoever reviews sees the branch."""
        return ""

    def wait(self, landing: Landing, place: Place, key: StepKey, log: Log) -> str:
        """Look at both branches until the target holds the files, the branch is gone, or the time is over."""
        branch = landing.writing.branch
        log(f"Waiting until {branch} is merged into {place.branch}")
        patience = Patience(place.waits.merge, key, self._poll_s)
        while True:
            # The branch first: between the two looks it may be merged and removed.
            tip, head = landing.repository.head(branch), landing.repository.head(place.branch)
            if head is not None and landing.is_there(head):
                log(f"{place.branch} holds it")
                return head
            if tip is None:
                raise DriverRejected(f"The branch {branch} was removed without a merge into {place.branch}.")
            if not patience.goes_on():
                raise DriverRejected(f"Nobody merged {branch} into {place.branch} within {place.waits.merge} s.")

    def take_back(self, landing: Landing, place: Place, key: StepKey, log: Log) -> None:
        """Remove the branch; a merge that happened is reported as left."""
        landing.withdraw(landing.writing.branch, key, log)
        head = landing.repository.head(place.branch)
        if head is not None and landing.writing.after and landing.is_there(head):
            raise DriverRejected(f"{landing.writing.folder} was merged into {place.branch}; revert it there by review.")
