import datetime

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0011_access_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="BrokenGlass",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("subject", models.CharField(max_length=80)),
                ("digest", models.CharField(max_length=80)),
                ("reason", models.TextField()),
                ("missing", models.JSONField(default=list)),
                ("at", models.DateTimeField()),
                ("start_by", models.DateTimeField()),
                ("reviewed_at", models.DateTimeField(null=True)),
                ("review", models.TextField(blank=True)),
            ],
            options={
                "ordering": ["-at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="Delegation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("reason", models.CharField(max_length=200)),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-starts_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="RuleStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=1)),
                ("name", models.CharField(default="Approval", max_length=40)),
                ("quorum", models.PositiveSmallIntegerField(default=1)),
                ("owning", models.BooleanField(default=True, help_text="Approvers of the owning team may sign.")),
                (
                    "owning_least",
                    models.PositiveSmallIntegerField(default=0, help_text="How many at least of the owning team."),
                ),
                (
                    "teams",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SlugField(max_length=40), blank=True, default=list, size=None
                    ),
                ),
                (
                    "roles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=82),
                        blank=True,
                        default=list,
                        help_text="Holders of a role: owner or owner@team.",
                        size=None,
                    ),
                ),
                (
                    "groups",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SlugField(max_length=40), blank=True, default=list, size=None
                    ),
                ),
                (
                    "editable",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=80),
                        blank=True,
                        default=list,
                        help_text="Parameters its signers may change.",
                        size=None,
                    ),
                ),
            ],
            options={
                "ordering": ["position", "name"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="approvalrule",
            name="rule_owning_within_total",
        ),
        migrations.RemoveConstraint(
            model_name="signature",
            name="signed_once",
        ),
        migrations.AddField(
            model_name="approvalrule",
            name="cost_delta",
            field=models.DecimalField(
                blank=True, decimal_places=4, help_text="At least so much more an hour.", max_digits=12, null=True
            ),
        ),
        migrations.AddField(
            model_name="approvalrule",
            name="escalate_people",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=150), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="approvalrule",
            name="escalate_teams",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.SlugField(max_length=40), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="approvalrule",
            name="findings",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=80),
                blank=True,
                default=list,
                help_text="Rule ids, any:warn or any:waived.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="approvalrule",
            name="on_expiry",
            field=models.CharField(
                choices=[("reject", "It expires, as if rejected"), ("escalate", "More people are asked, once")],
                default="reject",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="approvalrule",
            name="outside_window",
            field=models.BooleanField(default=False, help_text="Only while no window is open."),
        ),
        migrations.AddField(
            model_name="approvalrule",
            name="remind_hours",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.PositiveSmallIntegerField(), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="approvalrule",
            name="services",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.SlugField(max_length=40), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="approvalrule",
            name="teams",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.SlugField(max_length=40), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="approvalrule",
            name="templates",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.SlugField(max_length=40), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="signature",
            name="groups",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=160), default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="signature",
            name="on_behalf_of",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="signature",
            name="step",
            field=models.CharField(default="1:Approval", max_length=46),
        ),
        migrations.AlterField(
            model_name="approvalrule",
            name="kinds",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=20), blank=True, default=list, size=None
            ),
        ),
        migrations.AlterField(
            model_name="approvalrule",
            name="tiers",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=10), blank=True, default=list, size=None
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("lifetime_hours__gte", 1)), name="rule_lives_an_hour"
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("on_expiry__in", ["reject", "escalate"])), name="rule_expiry_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("on_expiry", "escalate"), _negated=True),
                    models.Q(("escalate_people", []), ("escalate_teams", []), _negated=True),
                    _connector="OR",
                ),
                name="rule_escalates_to_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="signature",
            constraint=models.CheckConstraint(
                condition=models.Q(("on_behalf_of", models.F("requester")), _negated=True),
                name="requester_is_not_stood_for",
            ),
        ),
        migrations.AddConstraint(
            model_name="signature",
            constraint=models.CheckConstraint(
                condition=models.Q(("on_behalf_of", models.F("signer")), _negated=True),
                name="nobody_stands_for_themselves",
            ),
        ),
        migrations.AddConstraint(
            model_name="signature",
            constraint=models.UniqueConstraint(
                condition=models.Q(("voided_at", None)), fields=("subject", "signer"), name="signed_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="signature",
            constraint=models.UniqueConstraint(
                models.F("subject"),
                django.db.models.functions.comparison.Coalesce("on_behalf_of", "signer"),
                condition=models.Q(("voided_at", None)),
                name="signed_once_with_one_right",
            ),
        ),
        migrations.AddField(
            model_name="brokenglass",
            name="breaker",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="brokenglass",
            name="requester",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="brokenglass",
            name="reviewer",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="brokenglass",
            name="team",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="policies.team"),
        ),
        migrations.AddField(
            model_name="delegation",
            name="made_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="delegation",
            name="of",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="delegations_given",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="delegation",
            name="team",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="policies.team"
            ),
        ),
        migrations.AddField(
            model_name="delegation",
            name="to",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="delegations_held",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="rulestep",
            name="rule",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="policies.approvalrule"
            ),
        ),
        migrations.AddIndex(
            model_name="brokenglass",
            index=models.Index(condition=models.Q(("reviewed_at", None)), fields=["-at"], name="glass_to_review"),
        ),
        migrations.AddConstraint(
            model_name="brokenglass",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="glass_has_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="brokenglass",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("start_by__gt", models.F("at")),
                    (
                        "start_by__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("at"), "+", models.Value(datetime.timedelta(seconds=900))
                        ),
                    ),
                ),
                name="glass_starts_soon",
            ),
        ),
        migrations.AddConstraint(
            model_name="brokenglass",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("review", ""), ("reviewed_at", None), ("reviewer", None)),
                    models.Q(
                        ("reviewed_at__isnull", False),
                        ("reviewer__isnull", False),
                        models.Q(("review", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="glass_review_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="brokenglass",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("reviewer", models.F("breaker")), _negated=True),
                    models.Q(("reviewer", models.F("requester")), _negated=True),
                ),
                name="glass_reviewed_by_another",
            ),
        ),
        migrations.AddIndex(
            model_name="brokenglass",
            index=models.Index(fields=["subject", "digest"], name="glass_subject"),
        ),
        migrations.AddIndex(
            model_name="delegation",
            index=models.Index(
                condition=models.Q(("ended_at", None)), fields=["to", "ends_at"], name="delegation_held"
            ),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("of", models.F("to")), _negated=True), name="delegation_to_another"
            ),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="delegation_ends_after_start"
            ),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="delegation_has_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="rulestep",
            constraint=models.UniqueConstraint(fields=("rule", "position", "name"), name="rule_step_once"),
        ),
        migrations.AddConstraint(
            model_name="rulestep",
            constraint=models.CheckConstraint(
                condition=models.Q(("position__gte", 1), ("quorum__gte", 1)), name="rule_step_counts"
            ),
        ),
        migrations.AddConstraint(
            model_name="rulestep",
            constraint=models.CheckConstraint(
                condition=models.Q(("owning_least__lte", models.F("quorum"))), name="rule_owning_within_total"
            ),
        ),
        migrations.AddConstraint(
            model_name="rulestep",
            constraint=models.CheckConstraint(
                condition=models.Q(("owning_least", 0), ("owning", True), _connector="OR"), name="rule_owning_may_sign"
            ),
        ),
        migrations.AddConstraint(
            model_name="rulestep",
            constraint=models.CheckConstraint(
                condition=models.Q(("groups__contained_by", models.F("teams"))), name="rule_groups_may_sign"
            ),
        ),
        migrations.AddConstraint(
            model_name="rulestep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("owning", True), models.Q(("roles", []), ("teams", []), _negated=True), _connector="OR"
                ),
                name="rule_step_has_signers",
            ),
        ),
    ]
