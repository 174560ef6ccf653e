"""The history as the ORM sees it, and the outbox. How either is written lives in `record.py` and SQL."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone


class AuditEvent(models.Model):
    """One recorded change or event. Append-only: the app may only read it."""

    id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    epoch = models.IntegerField()
    txid = models.BigIntegerField()
    source = models.TextField(choices=[("row", "Row change"), ("event", "Event")])
    event = models.TextField()
    table_name = models.TextField()
    object = models.TextField()
    actor = models.TextField()
    actor_label = models.TextField()
    request_id = models.TextField()
    operation = models.TextField()
    reason = models.TextField()
    scope = models.TextField()
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    data = models.JSONField(null=True)

    class Meta:
        managed = False
        db_table = "audit_event"
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor} {self.event} {self.object}"


class OutboxEvent(models.Model):
    """A message written in the transaction of what it announces, delivered at least once afterwards."""

    at = models.DateTimeField(default=timezone.now)
    topic = models.TextField()
    object = models.TextField(default="", blank=True)
    payload = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    delivered_at = models.DateTimeField(null=True, blank=True)
    delivered_to = models.JSONField(default=list)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(default="", blank=True)
    next_attempt_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "audit_outbox"
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                name="audit_outbox_due",
                condition=models.Q(delivered_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.object}".strip()
