import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0043_step_guards"),
        ("provisioning", "0013_pools"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="operation",
            name="asked",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=160),
                default=list,
                help_text="Who may sign the steps that are open now.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="operation",
            name="awaiting_since",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="operation",
            name="edited_by",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                default=list,
                help_text="Signers who changed what was asked.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="operation",
            name="escalated_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="operation",
            name="remind_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="operation",
            name="reminders",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name="operation",
            index=django.contrib.postgres.indexes.GinIndex(
                condition=models.Q(("status", "awaiting_approval")), fields=["asked"], name="operation_asked"
            ),
        ),
        migrations.AddIndex(
            model_name="operation",
            index=models.Index(
                condition=models.Q(("status", "awaiting_approval")), fields=["remind_at"], name="operation_remind"
            ),
        ),
    ]
