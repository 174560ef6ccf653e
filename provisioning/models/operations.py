"""Operations, their steps and logs, leases, locks and the orphan ledger."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from policies.models import Team
from provisioning.models.environments import Environment
from provisioning.models.targets import Target
from provisioning.states import ACTIVE, OperationStatus


class Operation(models.Model):
    """One change asked of one environment.

    `arguments` is what was asked (validated, no secrets); `plan` what it would change, `change_digest` its address;
    `context` what was true around it (findings, cost, quota), judged again at claim; `approval` who must sign.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20)
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="operations")
    team = models.ForeignKey(Team, models.PROTECT, related_name="operations")
    tier = models.CharField(max_length=10)
    target = models.ForeignKey(Target, models.PROTECT, related_name="operations", null=True)
    pool = models.CharField(max_length=40, blank=True, help_text="The tag of the workers that may claim it.")
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="operations", null=True)
    origin = models.CharField(max_length=12, default="person", help_text="person, schedule, recheck; people first.")
    status = models.CharField(max_length=20, choices=OperationStatus.choices, default=OperationStatus.REQUESTED)
    reason = models.TextField(blank=True)
    arguments = models.JSONField(default=dict)
    plan = models.JSONField(null=True)
    change_digest = models.CharField(max_length=80, blank=True)
    context = models.JSONField(default=dict)
    approval = models.JSONField(default=dict)
    signatures_needed = models.PositiveSmallIntegerField(default=0)
    owning_needed = models.PositiveSmallIntegerField(default=0)
    risk = models.PositiveIntegerField(default=0, help_text="How soon a signer should read it; see risk.py.")
    asked = ArrayField(
        models.CharField(max_length=160), default=list, help_text="Who may sign the steps that are open now."
    )
    edited_by = ArrayField(models.BigIntegerField(), default=list, help_text="Signers who changed what was asked.")
    awaiting_since = models.DateTimeField(null=True)
    remind_at = models.DateTimeField(null=True)
    reminders = models.PositiveSmallIntegerField(default=0)
    escalated_at = models.DateTimeField(null=True)
    plan_locked_at = models.DateTimeField(null=True)
    idempotency_key = models.CharField(max_length=80, blank=True)
    request_digest = models.CharField(max_length=80, blank=True)
    overtakes = models.BooleanField(default=False)
    blocked = models.CharField(max_length=300, blank=True, help_text="Why it waits, in words.")
    waits_for = models.ForeignKey(
        "self", models.SET_NULL, related_name="+", null=True, help_text="The operation whose lock it waits for."
    )
    error = models.CharField(max_length=600, blank=True)
    cancel_requested_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    retries = models.PositiveSmallIntegerField(default=0, help_text="How often the schedule began it anew.")
    failed_step = models.CharField(max_length=40, blank=True, help_text="The step that stopped it.")
    healing = models.JSONField(default=dict, help_text="Mixed versions that it met, and how they ended, or {}.")
    not_before = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    approval_expires_at = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment"], condition=Q(status__in=sorted(ACTIVE)), name="operation_active_once"
            ),
            models.UniqueConstraint(
                fields=["requester", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="operation_key_once",
            ),
            models.CheckConstraint(condition=Q(status__in=OperationStatus.values), name="operation_status_known"),
            models.CheckConstraint(
                condition=~Q(tier__in=["stage", "prod"]) | Q(origin="person"),
                name="prod_like_never_changed_by_schedule",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "created_at"], name="operation_status"),
            models.Index(
                fields=["-risk", "created_at", "id"],
                condition=Q(status__in=["awaiting_approval", "held"]),
                name="operation_inbox",
            ),
            GinIndex(fields=["asked"], condition=Q(status="awaiting_approval"), name="operation_asked"),
            models.Index(fields=["remind_at"], condition=Q(status="awaiting_approval"), name="operation_remind"),
            models.Index(fields=["kind", "-finished_at"], name="operation_usual"),
            models.Index(fields=["environment", "-created_at"], name="operation_environment"),
            models.Index(fields=["team", "-created_at"], name="operation_team"),
            models.Index(fields=["requester", "-created_at"], name="operation_requester"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.environment_id} ({self.short_id})"

    @property
    def short_id(self) -> str:
        return f"op-{self.id.hex[:6]}"

    @property
    def ref(self) -> str:
        return f"operation:{self.pk}"


class OperationLease(models.Model):
    """Who works on an operation now, until when, and the fence that outdates everybody before."""

    operation = models.OneToOneField(Operation, models.CASCADE, primary_key=True, related_name="lease")
    holder = models.CharField(max_length=120)
    fence = models.BigIntegerField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.operation_id} held by {self.holder} (fence {self.fence})"


class OperationStep(models.Model):
    """One named, idempotent step of an operation."""

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        UNDONE = "undone"
        LEFT = "left"

    operation = models.ForeignKey(Operation, models.CASCADE, related_name="steps")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=40)
    title = models.CharField(max_length=80)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict)
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["operation", "position"], name="step_once")]
        indexes = [models.Index(fields=["name", "status", "-ended_at"], name="step_usual")]

    def __str__(self) -> str:
        return f"{self.position} {self.name}: {self.status}"


class OperationLog(models.Model):
    """One redacted line of an operation's log."""

    operation = models.ForeignKey(Operation, models.CASCADE, related_name="log")
    at = models.DateTimeField(auto_now_add=True)
    step = models.CharField(max_length=40, blank=True)
    line = models.CharField(max_length=2000)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["operation", "id"], name="log_operation")]

    def __str__(self) -> str:
        return self.line


class ResourceLock(models.Model):
    """A shared thing that one operation holds; keys are taken in sorted order."""

    key = models.CharField(max_length=120, unique=True)
    operation = models.ForeignKey(Operation, models.CASCADE, related_name="locks")
    fence = models.BigIntegerField()

    def __str__(self) -> str:
        return self.key


class Orphan(models.Model):
    """A resource that should be gone and is not, until somebody or something removes it."""

    environment = models.ForeignKey(Environment, models.PROTECT, related_name="orphans")
    operation = models.ForeignKey(Operation, models.PROTECT, related_name="orphans")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    driver = models.CharField(max_length=20)
    address = models.CharField(max_length=160)
    reason = models.CharField(max_length=300)
    automatic = models.BooleanField(default=True, help_text="Removal is tried without being asked for.")
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    found_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True)
    removed_by = models.CharField(max_length=80, blank=True)
    removed_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-found_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "address"], condition=Q(removed_at=None), name="orphan_listed_once"
            )
        ]
        indexes = [models.Index(fields=["team", "-found_at"], condition=Q(removed_at=None), name="orphan_open")]

    def __str__(self) -> str:
        return self.address
