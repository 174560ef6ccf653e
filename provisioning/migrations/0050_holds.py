import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0050_comments"),
        ("provisioning", "0041_step_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("question", "Asked for information"), ("back", "Sent back")], max_length=8
                    ),
                ),
                ("digest", models.CharField(max_length=80)),
                ("text", models.TextField()),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("left_seconds", models.PositiveIntegerField(help_text="What was left to sign it in.", null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "ending",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("answered", "Answered"),
                            ("edited", "Changed"),
                            ("resumed", "Taken up again"),
                            ("ended", "Ended with the operation"),
                        ],
                        max_length=8,
                    ),
                ),
                ("answer", models.TextField(blank=True)),
            ],
            options={
                "ordering": ["at", "id"],
            },
        ),
        migrations.AddField(
            model_name="operation",
            name="risk",
            field=models.PositiveIntegerField(default=0, help_text="How soon a signer should read it; see risk.py."),
        ),
        migrations.AddIndex(
            model_name="operation",
            index=models.Index(
                condition=models.Q(("status__in", ["awaiting_approval", "held"])),
                fields=["-risk", "created_at", "id"],
                name="operation_inbox",
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="ended_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="operation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="holds", to="provisioning.operation"
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="requester",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="team",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="policies.team"),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("operation",), name="held_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(condition=models.Q(("text", ""), _negated=True), name="hold_says_why"),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["question", "back"])), name="hold_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(("by", models.F("requester")), _negated=True), name="holder_is_not_requester"
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("answer", ""), ("ended_at", None), ("ended_by", None), ("ending", "")),
                    models.Q(("answer", ""), ("ended_at__isnull", False), ("ended_by", None), ("ending", "ended")),
                    models.Q(("ended_at__isnull", False), ("ended_by__isnull", False), ("ending", "resumed")),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("ended_by", models.F("requester")),
                        ("ending__in", ["answered", "edited"]),
                    ),
                    _connector="OR",
                ),
                name="hold_ends_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ending", "answered"), _negated=True),
                    models.Q(("answer", ""), _negated=True),
                    _connector="OR",
                ),
                name="answer_says_something",
            ),
        ),
    ]
