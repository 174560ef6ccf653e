"""One run of a module in a directory of its own: init, plan, show, apply. What changes mean is not known here."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provisioning.drivers.base import DriverRejected, DriverUnavailable, EnvironmentSpec, Log
from provisioning.drivers.terraform import binary, prepared, process, state, surroundings, variables, workdir
from provisioning.drivers.terraform.messages import Messages
from provisioning.drivers.terraform.module import Module
from provisioning.drivers.terraform.process import Command, Ended, Watch
from provisioning.vault import Vault

PLAN_FILE = "plan"
ERRORED = "errored.tfstate"
LOCK_WAIT_S = 60
READ_LIMIT_S = 600.0
WRITE_LIMIT_S = 24 * 3600.0


class Stopped(DriverRejected):
    """A person asked to cancel, and the run ended at a safe point."""


@dataclass
class Run:
    """A directory in which the binary runs for one environment. `close` removes it with everything in it."""

    spec: EnvironmentSpec
    module: Module
    place: Path
    vault: Vault
    log: Log
    token: str = field(default="", repr=False)

    @classmethod
    def make(cls, spec: EnvironmentSpec, module: Module, vault: Vault, log: Log) -> "Run":
        """A fresh directory with module, backend and configuration."""
        place = workdir.make({**module.files, **surroundings.files(spec)})
        run = cls(spec, module, place, vault, log)
        try:
            workdir.write(place / "cli.tfrc", surroundings.configuration(spec))
        except Exception:
            run.close()
            raise
        return run

    def close(self) -> None:
        """Remove the directory."""
        workdir.remove(self.place)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While it lasts, the binary may read the state."""
        with self._allowed(None):
            yield

    @contextmanager
    def _allowed(self, by: state.Fenced | None) -> Iterator[None]:
        if surroundings.own_backend(self.spec):
            yield
            return
        with state.run(self.spec.id, seconds=WRITE_LIMIT_S if by else READ_LIMIT_S, by=by) as token:
            self.token = token
            try:
                yield
            finally:
                self.token = ""

    def init(self, watch: Watch) -> None:
        """Prepare providers, modules and backend. A lock file of the module is followed, never changed."""
        words = ["-lockfile=readonly"] if self.module.is_locked else []
        if surroundings.own_backend(self.spec):
            self._told(["init", "-json", *words], watch)
            self._told(["workspace", "select", "-or-create", self._workspace], watch)
            return
        configuration = (self.place / "cli.tfrc").read_bytes()
        key = prepared.key_of(self.module.files, configuration, binary.path())
        if not prepared.lay(key, self.place / "module"):
            self._told(["init", "-json", *words], watch)
            prepared.keep(key, self.place / "module")

    def plan(self, words: tuple[str, ...], values: variables.Values, watch: Watch) -> None:
        """Make the plan file. Reads the state without its lock."""
        with variables.in_memory(values) as descriptor:
            argv = ["plan", "-json", "-lock=false", f"-out={PLAN_FILE}", f"-var-file=/dev/fd/{descriptor}", *words]
            self._told(argv, watch, fds=(descriptor,))

    def show(self, watch: Watch) -> dict[str, Any]:
        """The plan file in full, secrets in clear: never store or log it."""
        ended = process.run(self._command(["show", "-json", PLAN_FILE]), watch)
        try:
            found: dict[str, Any] = json.loads(b"\n".join(ended.output), parse_float=str)
        except ValueError:
            raise DriverRejected("The program did not show its plan.") from None
        return found

    def pull(self, watch: Watch) -> dict[str, Any]:
        """The state as the backend has it; empty when there is none."""
        ended = process.run(self._command(["state", "pull"]), watch)
        text = b"\n".join(ended.output)
        if ended.code:
            raise DriverUnavailable("The state could not be read.")
        return dict(json.loads(text)) if text.strip() else {}

    def apply(self, by: state.Fenced, watch: Watch) -> dict[str, float]:
        """Apply exactly the plan file; seconds by address of what was done. A plan that is stale raises StalePlan."""
        if text := surroundings.warning(surroundings.own_backend(self.spec)):
            self.log(f"warning: {text}")
        words = ["apply", "-json", f"-lock-timeout={LOCK_WAIT_S}s", PLAN_FILE]
        try:
            with self._allowed(by):
                return self._told(words, watch).finished
        finally:
            self._rescue(by)

    def forget(self, addresses: list[str], by: state.Fenced, watch: Watch) -> None:
        """Take addresses out of the state."""
        with self._allowed(by):
            self._told(["state", "rm", f"-lock-timeout={LOCK_WAIT_S}s", *addresses], watch)

    def _rescue(self, by: state.Fenced) -> None:
        """A state that the binary could not save lies in the directory: keep it, unless somebody else writes now."""
        left = self.place / "module" / ERRORED
        if left.exists() and not surroundings.own_backend(self.spec):
            try:
                state.rescue(self.spec.id, by, left.read_bytes())
            except state.StateRefused as refused:
                self.log(f"The state could not be saved: {refused.reason}")
            else:
                self.log("The state that could not be sent was saved")

    def _told(self, words: list[str], watch: Watch, *, fds: tuple[int, ...] = ()) -> Messages:
        """Run with `-json`; raise what the binary's errors mean."""
        messages = Messages(self.log)
        ended = process.run(self._command(words, fds=fds), watch, messages)
        if ended.stopped and ended.code:
            raise Stopped("It was stopped on request.")
        if ended.code:
            raise self._failed(messages, ended)
        return messages

    def _failed(self, messages: Messages, ended: Ended) -> Exception:
        if messages.errors:
            return messages.error()
        said = (self.place / "stderr").read_text(errors="replace").strip().splitlines()
        for line in said[:20]:
            self.log(line)
        return DriverRejected(f"The program ended with code {ended.code}; its words are in the log.")

    def _command(self, words: list[str], *, fds: tuple[int, ...] = ()) -> Command:
        env = surroundings.environment(self.spec, self.place, self.vault)
        if not surroundings.own_backend(self.spec):
            env |= surroundings.backend(self.spec.id, self.token)
        argv = (
            binary.path(),
            *words[:1],
            *(["-input=false"] if words[0] in {"init", "plan", "apply"} else []),
            *words[1:],
        )
        return Command(argv, env, self.place, fds)

    @property
    def _workspace(self) -> str:
        return f"{self.spec.name}-{self.spec.id.replace('-', '')[:8]}"
