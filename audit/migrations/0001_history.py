"""The history and the outbox. The history's SQL lies in `sql/0001_history.sql`; roles exist already."""

from pathlib import Path

import django.core.serializers.json
import django.utils.timezone
from django.db import migrations, models

from audit.roles import app_role, audit_role

SQL = Path(__file__).parent / "sql" / "0001_history.sql"


def create_history(apps, schema_editor):
    """Run the SQL with the role names of this installation."""
    quote = schema_editor.quote_name
    sql = SQL.read_text(encoding="utf-8")
    sql = sql.replace("@audit@", quote(audit_role())).replace("@app@", quote(app_role()))
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(sql)


def open_outbox(apps, schema_editor):
    """Let the app write messages, whatever the database's default privileges are."""
    app = schema_editor.quote_name(app_role())
    schema_editor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON audit_outbox TO {app}")


class Migration(migrations.Migration):
    """First migration of audit."""

    initial = True
    dependencies = []

    operations = [
        migrations.RunPython(create_history, elidable=False),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("epoch", models.IntegerField()),
                ("txid", models.BigIntegerField()),
                ("source", models.TextField(choices=[("row", "Row change"), ("event", "Event")])),
                ("event", models.TextField()),
                ("table_name", models.TextField()),
                ("object", models.TextField()),
                ("actor", models.TextField()),
                ("actor_label", models.TextField()),
                ("request_id", models.TextField()),
                ("operation", models.TextField()),
                ("reason", models.TextField()),
                ("scope", models.TextField()),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField(null=True)),
                ("data", models.JSONField(null=True)),
            ],
            options={"db_table": "audit_event", "ordering": ["-at", "-id"], "managed": False},
        ),
        migrations.CreateModel(
            name="OutboxEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("topic", models.TextField()),
                ("object", models.TextField(blank=True, default="")),
                (
                    "payload",
                    models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder),
                ),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                ("delivered_to", models.JSONField(default=list)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("last_error", models.TextField(blank=True, default="")),
                ("next_attempt_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "db_table": "audit_outbox",
                "indexes": [
                    models.Index(
                        condition=models.Q(("delivered_at__isnull", True)),
                        fields=["next_attempt_at", "id"],
                        name="audit_outbox_due",
                    )
                ],
            },
        ),
        migrations.RunPython(open_outbox, elidable=False),
    ]
