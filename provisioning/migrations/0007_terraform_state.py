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
                ("lock_operation", models.CharField(blank=True, max_length=64)),
                ("lock_fence", models.BigIntegerField(default=0)),
                (
                    "fence",
                    models.BigIntegerField(default=0, help_text="The highest under which anybody was let in to write."),
                ),
                (
                    "inputs",
                    models.JSONField(
                        default=dict, help_text="What the last apply was given, secrets by reference only."
                    ),
                ),
                ("inputs_by", models.CharField(blank=True, max_length=100)),
                (
                    "previous",
                    models.JSONField(
                        default=dict,
                        help_text="What the apply before it was given; undoing goes back there.",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TerraformRun",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("operation", models.CharField(blank=True, max_length=64)),
                ("fence", models.BigIntegerField(default=0)),
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
        ),
        migrations.CreateModel(
            name="TerraformStateVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("serial", models.BigIntegerField()),
                ("lineage", models.CharField(max_length=64)),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("operation", models.CharField(max_length=64)),
                ("fence", models.BigIntegerField()),
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
