"""Registers the tables of this app with the history, and its own operation kinds."""

from django.apps import AppConfig

from audit.registry import exempt, watch


class ProvisioningConfig(AppConfig):
    name = "provisioning"

    def ready(self) -> None:
        watch("provisioning.Environment", prefix="environment", scope="team_id")
        watch("provisioning.Operation", prefix="operation", scope="team_id")
        watch("provisioning.Hold", prefix="hold", scope="team_id")
        watch("provisioning.OperationStep", prefix="step", scope="team_id")
        watch("provisioning.SecretBinding", prefix="secretbinding", scope="team_id")
        watch("provisioning.Orphan", prefix="orphan", scope="team_id")
        watch("provisioning.Target", prefix="target")
        watch("provisioning.WarmPool", prefix="pool")
        exempt("provisioning.WarmEnvironment", reason="whose pool made it; making and claiming are operations")
        watch("provisioning.InventoryImport", prefix="inventoryimport")
        watch("provisioning.InventoryItem", prefix="inventory", scope="team_id")
        watch("provisioning.AdmissionHook", prefix="admission", masked=("token_hash",))
        exempt("provisioning.AdmissionCall", reason="how long an answer took; refusals are events and decisions")
        exempt("provisioning.OperationLease", reason="a lease is renewed every few seconds; claims are events")
        exempt("provisioning.OperationLog", reason="the log is itself a record, append-only for the app's role")
        exempt("provisioning.Recheck", reason="a note to look again; what is found is recorded")
        exempt("provisioning.TeamTurn", reason="whose turn was last; claims are events")
        exempt("provisioning.Breaker", reason="failures in a row; opening and closing are events")
        exempt("provisioning.Pool", reason="when a worker was last there")
        exempt("provisioning.ResourceLock", reason="held for the life of one claim; claims are events")
        exempt(
            "provisioning.Workload",
            reason="desired and observed state of a daemon; the steps that write it are recorded",
        )
        exempt(
            "provisioning.Route",
            reason="desired and observed state of a daemon; the steps that write it are recorded",
        )
        exempt("provisioning.TerraformState", reason="every save and lock of a state is an event")
        exempt(
            "provisioning.TerraformStateVersion", reason="the history of a state is itself a record; saves are events"
        )
        exempt("provisioning.TerraformRun", reason="a token that lives as long as one run; kept as a hash")

        from catalog import drivers
        from provisioning import own_kinds
        from provisioning.drivers import registry

        drivers.use(find=registry.terms, names=registry.names)
        own_kinds.register_all()
