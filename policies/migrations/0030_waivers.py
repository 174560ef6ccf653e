"""Waivers of rules, with what must never be false of them."""

import datetime

import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0080_factors"),
    ]

    operations = [
        migrations.CreateModel(
            name="Waiver",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rule", models.CharField(max_length=80)),
                ("scope", models.CharField(max_length=160)),
                ("label", models.CharField(help_text="What the scope is called.", max_length=120)),
                ("field", models.CharField(blank=True, max_length=120)),
                ("value", models.CharField(blank=True, max_length=300)),
                ("reason", models.TextField()),
                ("ticket", models.CharField(blank=True, max_length=200)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Asked for"),
                            ("granted", "Granted"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                            ("ended", "Ended"),
                        ],
                        default="asked",
                        max_length=10,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("decision_reason", models.TextField(blank=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("end_reason", models.TextField(blank=True)),
                (
                    "operation",
                    models.CharField(blank=True, help_text="The one operation that an override is for.", max_length=80),
                ),
                ("reminded_days", models.PositiveSmallIntegerField(null=True)),
                ("reviewed_at", models.DateTimeField(null=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        help_text="Who sees to it that it can end.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="policies.team"
                    ),
                ),
            ],
            options={
                "ordering": ["expires_at", "pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["asked", "granted"])),
                        fields=["expires_at"],
                        name="waiver_due",
                    ),
                    models.Index(
                        condition=models.Q(("operation", ""), _negated=True),
                        fields=["operation"],
                        name="waiver_operation",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("decided_by", models.F("asked_by")), _negated=True),
                        name="waiver_decided_by_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "scope__regex",
                                "^(environment:[0-9a-f-]{36}|service:[-a-z0-9_]+|team:[-a-z0-9_]+|request:[0-9]+:[-a-z0-9_]+:[0-9a-f]{64})$",
                            )
                        ),
                        name="waiver_scope_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("expires_at__gt", models.F("asked_at")),
                            (
                                "expires_at__lte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("asked_at"), "+", models.Value(datetime.timedelta(days=180))
                                ),
                            ),
                        ),
                        name="waiver_lasts_180_days_at_most",
                    ),
                    models.CheckConstraint(condition=models.Q(("reason", ""), _negated=True), name="waiver_has_reason"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("decided_at", None), ("decided_by", None), ("ended_at", None), ("state", "asked")
                            ),
                            models.Q(
                                ("ended_at", None),
                                ("state", "granted"),
                                ("decided_at__isnull", False),
                                ("decided_by__isnull", False),
                            ),
                            models.Q(
                                ("state", "refused"), ("decided_at__isnull", False), ("decided_by__isnull", False)
                            ),
                            models.Q(("ended_at__isnull", False), ("state__in", ["withdrawn", "ended"])),
                            _connector="OR",
                        ),
                        name="waiver_state_says_who",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("decided_by", None), models.Q(("decision_reason", ""), _negated=True), _connector="OR"
                        ),
                        name="waiver_decision_says_why",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("operation", ""), ("scope__startswith", "request:"), _connector="OR"),
                        name="waiver_override_is_of_one_operation",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["asked", "granted"])),
                        fields=("rule", "scope"),
                        name="waiver_lives_once",
                    ),
                ],
            },
        ),
    ]
