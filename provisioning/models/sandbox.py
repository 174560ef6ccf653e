"""Desired and observed state of the sandbox driver's workloads and routes: steps write desired, daemons observed."""

from django.db import models

from provisioning.models.environments import Environment


class Workload(models.Model):
    """One process that sandboxd keeps as desired."""

    environment = models.OneToOneField(Environment, models.CASCADE, primary_key=True, related_name="workload")
    image = models.CharField(max_length=40)
    parameters = models.JSONField(default=dict)
    release = models.JSONField(default=dict)
    port = models.PositiveIntegerField(unique=True, null=True)
    desired = models.CharField(max_length=8)
    generation = models.BigIntegerField(default=0)
    observed = models.CharField(max_length=8, default="absent")
    observed_generation = models.BigIntegerField(default=0)
    pid = models.IntegerField(null=True)
    started_at = models.DateTimeField(null=True)
    detail = models.CharField(max_length=300, blank=True)
    fence = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(desired__in=["running", "stopped", "absent"]),
                name="workload_desired_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.image} of {self.environment_id}: {self.observed}"


class Route(models.Model):
    """One host name that the router serves as desired."""

    environment = models.OneToOneField(Environment, models.CASCADE, primary_key=True, related_name="route")
    host = models.CharField(max_length=63)
    port = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=10)
    generation = models.BigIntegerField(default=0)
    observed_generation = models.BigIntegerField(default=0)
    detail = models.CharField(max_length=300, blank=True)
    fence = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["serve", "suspended", "absent"]), name="route_state_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.host}: {self.state}"
