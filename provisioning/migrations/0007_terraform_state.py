"""State of Terraform: lock, encrypted history, tokens of runs."""

import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("provisioning", "0006_targets"),
    ]

    operations = [
        migrations.CreateModel(
            name="TerraformState",
            fields=[
                (
                    "environment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="terraform_state",
                        serialize=False,
                        to="provisioning.environment",
                    ),
                ),
                ("serial", models.BigIntegerField(default=0)),
                ("lineage", models.CharField(blank=True, max_length=64)),
                ("resources", models.PositiveIntegerField(default=0)),
                ("saved_at", models.DateTimeField(null=True)),
                ("lock_id", models.CharField(blank=True, max_length=80)),
                ("lock", models.JSONField(default=dict)),
                ("locked_at", models.DateTimeField(null=True)),
                ("lock_operation", models.UUIDField(null=True)),
                ("lock_fence", models.BigIntegerField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="TerraformRun",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("operation", models.UUIDField(null=True)),
                ("fence", models.BigIntegerField(null=True)),
                ("expires_at", models.DateTimeField(db_index=True)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="terraform_runs",
                        to="provisioning.environment",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("fence", None), ("operation", None)),
                            models.Q(("fence__isnull", False), ("operation__isnull", False)),
                            _connector="OR",
                        ),
                        name="terraform_run_fenced_or_reading",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TerraformStateVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("serial", models.BigIntegerField()),
                ("lineage", models.CharField(max_length=64)),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("operation", models.UUIDField(null=True)),
                ("fence", models.BigIntegerField(null=True)),
                ("digest", models.CharField(max_length=120)),
                ("size", models.PositiveIntegerField()),
                ("body", models.TextField()),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="terraform_versions",
                        to="provisioning.environment",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["environment", "-id"], name="terraform_version")],
            },
        ),
    ]
