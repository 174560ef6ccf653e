"""The catalogue's tables. Versions and publications are append-only, which triggers see to."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

APPEND_ONLY = """
CREATE FUNCTION catalog_append_only() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION '% rows never change: publish a new version instead', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON catalog_templateversion
    FOR EACH ROW EXECUTE FUNCTION catalog_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON catalog_publication
    FOR EACH ROW EXECUTE FUNCTION catalog_append_only();
ALTER TABLE catalog_templateversion ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE catalog_publication ENABLE ALWAYS TRIGGER append_only;
"""

NO_LONGER = """
DROP TRIGGER append_only ON catalog_publication;
DROP TRIGGER append_only ON catalog_templateversion;
DROP FUNCTION catalog_append_only();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Source",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("slug", models.TextField(unique=True)),
                ("url", models.TextField()),
                ("ref", models.TextField(default="main")),
                ("enabled", models.BooleanField(default=True)),
                ("last_commit", models.TextField(blank=True, default="")),
                ("last_synced_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.TextField(blank=True, default="")),
            ],
            options={
                "ordering": ["slug"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("slug__regex", "^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")),
                        name="source_slug_is_a_label",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Template",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("slug", models.TextField(unique=True)),
                ("name", models.TextField()),
                ("description", models.TextField()),
                ("icon", models.TextField()),
                ("category", models.TextField()),
                ("owner", models.TextField(help_text="Short name of the team that looks after it.")),
                (
                    "state",
                    models.TextField(
                        choices=[("active", "Active"), ("deprecated", "Deprecated"), ("retired", "Retired")],
                        default="active",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="templates",
                        to="catalog.source",
                    ),
                ),
            ],
            options={
                "ordering": ["category", "name", "slug"],
            },
        ),
        migrations.CreateModel(
            name="TemplateVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("digest", models.TextField(unique=True)),
                ("version", models.TextField()),
                ("schema_version", models.TextField()),
                ("spec", models.JSONField()),
                ("docs", models.TextField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="catalog.template",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-pk"],
            },
        ),
        migrations.AddField(
            model_name="template",
            name="current",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.templateversion",
            ),
        ),
        migrations.CreateModel(
            name="Publication",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("commit", models.TextField()),
                ("ref", models.TextField()),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="publications",
                        to="catalog.templateversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="templateversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("digest__regex", "^sha256:[0-9a-f]{64}$")),
                name="version_digest_is_sha256",
            ),
        ),
        migrations.AddConstraint(
            model_name="templateversion",
            constraint=models.UniqueConstraint(fields=("template", "version"), name="version_number_is_used_once"),
        ),
        migrations.AddConstraint(
            model_name="template",
            constraint=models.CheckConstraint(
                condition=models.Q(("slug__regex", "^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")),
                name="template_slug_is_a_label",
            ),
        ),
        migrations.AddConstraint(
            model_name="template",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["active", "deprecated", "retired"])),
                name="template_state_is_known",
            ),
        ),
        migrations.RunSQL(APPEND_ONLY, NO_LONGER),
    ]
