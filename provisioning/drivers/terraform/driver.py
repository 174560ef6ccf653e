"""The terraform driver: environments made by the real binary. Steps are in steps.py, plans in planning.py."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from provisioning import vault
from provisioning.drivers import base
from provisioning.drivers.base import Change, DriverRejected, EnvironmentSpec, Plan, Step, TargetSpec
from provisioning.drivers.terraform import binary, module, outputs, planning, state, surroundings, variables, workdir
from provisioning.drivers.terraform import changes as reading
from provisioning.drivers.terraform.process import Watch
from provisioning.drivers.terraform.runs import READ_LIMIT_S, Run
from provisioning.drivers.terraform.steps import Steps


class TerraformDriver(base.Driver):
    """Makes environments with Terraform or OpenTofu, one state for each."""

    name = "terraform"
    capabilities = planning.VERBS
    template_schema = module.SCHEMA
    target_schema = module.TARGET_SCHEMA

    @property
    def vault(self) -> vault.Vault:
        """The installation's Vault."""
        return vault.shared()

    def problems(self, resources: Mapping[str, Any]) -> tuple[str, ...]:
        """What keeps a module from running here: the program, the files, the variables."""
        missing = binary.problem()
        return (*((missing,) if missing else ()), *module.problems(resources))

    def plan(self, spec: EnvironmentSpec, observed: base.Resources, kind: str) -> Plan:
        """Plan with the binary; the plan file waits in the artifact for the steps."""
        if kind == "destroy" and not observed:
            return Plan(())
        made = planning.make(spec, kind, self.vault)
        return Plan(made.changes, artifact=str(made.run.place))

    def discard(self, plan: Plan) -> None:
        """Remove the run's directory with the plan file in it."""
        if plan.artifact:
            workdir.remove(Path(plan.artifact))

    def steps(self, spec: EnvironmentSpec, kind: str, plan: Plan) -> tuple[Step, ...]:
        """Apply what was planned, then bring sensitive outputs to Vault; a destruction ends with those."""
        return tuple(Steps(spec, kind, plan, self.vault, self.state).ordered())

    def observe(self, spec: EnvironmentSpec) -> base.Resources:
        """What exists by address: a refresh-only plan, so that a stranger's changes are seen."""
        shelf = outputs.Shelf(spec, self.vault).observed()
        found = {shelf.address: shelf} if shelf else {}
        if self._is_empty(spec):
            return found
        return {**planning.observed(spec, self.vault), **found}

    def drift(self, spec: EnvironmentSpec) -> tuple[Change, ...]:
        """What was changed outside of Berth since the last apply."""
        if self._is_empty(spec):
            return ()
        shown, values = planning.refreshed(spec, self.vault)
        drifted = {"resource_changes": shown.get("resource_drift", [])}
        return tuple(reading.of_plan(drifted, planning.veil(self.vault, values)))

    def outputs(self, spec: EnvironmentSpec) -> Mapping[str, str]:
        """The module's outputs that are not sensitive, and where the others stand."""
        found = outputs.plain(self.state(spec))
        return {**found, "vault_path": f"{vault.MOUNT}/{variables.path_of(spec)}"}

    def secrets(self, spec: EnvironmentSpec) -> Mapping[str, int]:
        """Names and versions of what stands in Vault."""
        return outputs.Shelf(spec, self.vault).versions()

    def check(self, target: TargetSpec) -> str:
        """The program's version, the mirror, and a warning where the backend keeps secrets in clear."""
        program = binary.path()
        found = f"{Path(program).name} {'.'.join(map(str, binary.version(program)))} is here"
        mirror = target.config.get("provider_mirror")
        if mirror and not Path(mirror).is_dir():
            raise DriverRejected(f"The provider mirror {mirror} is no directory on this machine.")
        said = surroundings.warning(str((target.config.get("backend") or {}).get("type", "")))
        return f"{found}. {said}".strip() if said else f"{found}; states are kept by Berth, encrypted."

    def state(self, spec: EnvironmentSpec) -> dict[str, Any]:
        """The state in clear: never store or log it."""
        if not surroundings.own_backend(spec):
            found = state.load(UUID(spec.id))
            return dict(json.loads(found)) if found else {}
        run = Run.make(spec, module.of(spec.resources), self.vault, planning.unheard)
        try:
            run.init(Watch(READ_LIMIT_S))
            return run.pull(Watch(READ_LIMIT_S))
        finally:
            run.close()

    def _is_empty(self, spec: EnvironmentSpec) -> bool:
        if surroundings.own_backend(spec):
            return False
        found = self.state(spec)
        return not found.get("resources") and not found.get("outputs")
