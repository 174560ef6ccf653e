"""The engines that can hold a bundle, behind one interface: evaluators of our own, or an OPA server.

Whichever it is: facts go in, the value of the entry rule comes out within the deadline, or EvaluatorError is raised.
"""

from typing import Any, Protocol

from policies.bundle import Bundle
from policies.opa_server import OpaServer
from policies.pool import Pool

QUERY = "data.ruling.result"


class PolicyEngine(Protocol):
    """One bundle, ready to be asked; safe to ask from several threads. `pid` is the process that made it."""

    pid: int

    def ask(self, payload: bytes) -> Any:
        """The entry rule's value for one input document, serialised as JSON. Raises EvaluatorError."""

    def close(self) -> None:
        """Let go of what it holds."""

    def abandon(self) -> None:
        """Forget, in a forked child, what belongs to the parent."""


def open_engine(bundle: Bundle, *, seconds: float, opa_url: str = "") -> PolicyEngine:
    """An engine for the bundle: the OPA server at `opa_url` where there is one, else our own evaluators."""
    if opa_url:
        return OpaServer(bundle, opa_url, seconds=seconds)
    return Pool(bundle.files, QUERY, seconds=seconds)
