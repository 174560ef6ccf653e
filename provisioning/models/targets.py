"""Where drivers work: registered clusters, repositories and backends. Credentials lie in Vault, never here."""

import uuid

from django.db import models
from django.db.models import Q


class Target(models.Model):
    """One place that a driver reaches, with what it may do there at once.

    `config` holds addresses and options as the driver defines them, no secret; `credentials` is a path below the KV
    mount. `pool` is the tag of the workers that can reach it, "" for any; `concurrency` the most operations at once,
    0 for no limit.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    driver = models.CharField(max_length=20)
    config = models.JSONField(default=dict)
    credentials = models.CharField(max_length=200, blank=True)
    pool = models.CharField(max_length=40, blank=True)
    concurrency = models.PositiveSmallIntegerField(default=0)
    check_asked_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    check_ok = models.BooleanField(null=True)
    check_message = models.CharField(max_length=300, blank=True)
    retired_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(condition=Q(slug__regex=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"), name="target_slug"),
            models.CheckConstraint(condition=Q(pool__regex=r"^[a-z0-9-]*$"), name="target_pool_tag"),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def ref(self) -> str:
        return f"target:{self.pk}"
