"""A cluster's way to ask about what it admits, and how long the answers took. What was decided is a Decision."""

from django.db import models

from provisioning.models.targets import Target


class AdmissionHook(models.Model):
    """The webhook of one cluster. Its token is shown once, in the configuration; here is its hash."""

    target = models.OneToOneField(Target, models.CASCADE, primary_key=True, related_name="admission")
    token_hash = models.CharField(max_length=64, unique=True)
    fails_open = models.BooleanField(help_text="Admit when Berth cannot judge.")
    timeout_seconds = models.PositiveSmallIntegerField(default=3)
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"admission of {self.target_id}"


class AdmissionCall(models.Model):
    """One answered call. The newest few hundred of a cluster are kept, for its latency."""

    target = models.ForeignKey(Target, models.CASCADE, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    micros = models.PositiveIntegerField()
    allowed = models.BooleanField()

    class Meta:
        indexes = [models.Index(fields=["target", "-id"], name="admission_call_newest")]

    def __str__(self) -> str:
        return f"{'admitted' if self.allowed else 'refused'} in {self.micros} µs"
