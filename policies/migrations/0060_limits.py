"""Quotas of every scope in decimals, a ledger that keeps what it wrote, and budgets."""

import django.db.models.deletion
import django.db.models.functions.math
from django.db import migrations, models

KEPT = """
CREATE FUNCTION policies_reservation_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    IF OLD.released_at IS NOT NULL OR (to_jsonb(NEW) - 'released_at') <> (to_jsonb(OLD) - 'released_at') THEN
        RAISE EXCEPTION 'a reservation can only be released, once' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;
CREATE TRIGGER reservation_kept BEFORE UPDATE ON policies_quotareservation
    FOR EACH ROW EXECUTE FUNCTION policies_reservation_kept();
"""
UNDO = """
DROP TRIGGER reservation_kept ON policies_quotareservation;
DROP FUNCTION policies_reservation_kept();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0051_comment_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Budget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tier", models.CharField(blank=True, default="", max_length=10)),
                ("amount", models.DecimalField(decimal_places=2, max_digits=16)),
                ("currency", models.CharField(max_length=3)),
                ("blocks", models.BooleanField(default=False)),
                ("auto_approve_below", models.DecimalField(decimal_places=2, max_digits=16, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="BudgetMark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField()),
                ("percent", models.PositiveSmallIntegerField()),
                ("projected", models.DecimalField(decimal_places=2, max_digits=16)),
                ("at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["-month", "-percent"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="quota",
            name="quota_once",
        ),
        migrations.AddField(
            model_name="quota",
            name="currency",
            field=models.CharField(blank=True, default="", max_length=3),
        ),
        migrations.AddField(
            model_name="quota",
            name="organisation",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="policies.organisation"
            ),
        ),
        migrations.AddField(
            model_name="quota",
            name="service",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="policies.service"
            ),
        ),
        migrations.AddField(
            model_name="quota",
            name="tier",
            field=models.CharField(blank=True, default="", max_length=10),
        ),
        migrations.AddField(
            model_name="quotareservation",
            name="currency",
            field=models.CharField(blank=True, default="", max_length=3),
        ),
        migrations.AddField(
            model_name="quotareservation",
            name="service",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="policies.service"
            ),
        ),
        migrations.AddField(
            model_name="quotareservation",
            name="tier",
            field=models.CharField(blank=True, default="", max_length=10),
        ),
        migrations.AlterField(
            model_name="quota",
            name="limit",
            field=models.DecimalField(decimal_places=2, max_digits=16),
        ),
        migrations.AlterField(
            model_name="quota",
            name="team",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="%(class)ss", to="policies.team"
            ),
        ),
        migrations.AlterField(
            model_name="quotareservation",
            name="amount",
            field=models.DecimalField(decimal_places=2, max_digits=16),
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.UniqueConstraint(
                fields=("organisation", "team", "service", "tier", "metric"), name="quota_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        models.Q(("organisation__isnull", False), ("service", None), ("team", None)),
                        models.Q(("organisation", None), ("service", None), ("team__isnull", False)),
                        models.Q(("organisation", None), ("service__isnull", False), ("team", None), ("tier", "")),
                        _connector="OR",
                    ),
                    ("tier__regex", "^([a-z]{1,10})?$"),
                ),
                name="quota_one_scope",
            ),
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.CheckConstraint(
                condition=models.Q(("metric__regex", "^[a-z][a-z0-9_]{0,39}$")), name="quota_metric_named"
            ),
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.CheckConstraint(condition=models.Q(("limit__gte", 0)), name="quota_limit_not_negative"),
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("metric", "cost_month"), ("limit", django.db.models.functions.math.Floor("limit")), _connector="OR"
                ),
                name="quota_count_is_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("currency__regex", "^[A-Z]{3}$"), ("metric", "cost_month")),
                    models.Q(models.Q(("metric", "cost_month"), _negated=True), ("currency", "")),
                    _connector="OR",
                ),
                name="quota_cost_has_currency",
            ),
        ),
        migrations.AddConstraint(
            model_name="quotareservation",
            constraint=models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="reservation_of_something"),
        ),
        migrations.AddConstraint(
            model_name="quotareservation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("currency__regex", "^[A-Z]{3}$"), ("metric", "cost_month")),
                    models.Q(models.Q(("metric", "cost_month"), _negated=True), ("currency", "")),
                    _connector="OR",
                ),
                name="reservation_cost_has_currency",
            ),
        ),
        migrations.AddField(
            model_name="budget",
            name="organisation",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="policies.organisation"
            ),
        ),
        migrations.AddField(
            model_name="budget",
            name="service",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="policies.service"
            ),
        ),
        migrations.AddField(
            model_name="budget",
            name="team",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="%(class)ss", to="policies.team"
            ),
        ),
        migrations.AddField(
            model_name="budgetmark",
            name="budget",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="marks", to="policies.budget"
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.UniqueConstraint(
                fields=("organisation", "team", "service", "tier"), name="budget_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        models.Q(("organisation__isnull", False), ("service", None), ("team", None)),
                        models.Q(("organisation", None), ("service", None), ("team__isnull", False)),
                        models.Q(("organisation", None), ("service__isnull", False), ("team", None), ("tier", "")),
                        _connector="OR",
                    ),
                    ("tier__regex", "^([a-z]{1,10})?$"),
                ),
                name="budget_one_scope",
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="budget_of_something"),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="budget_currency_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(("auto_approve_below", None), ("auto_approve_below__gt", 0), _connector="OR"),
                name="budget_threshold_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetmark",
            constraint=models.UniqueConstraint(fields=("budget", "month", "percent"), name="budget_mark_once"),
        ),
        migrations.AddConstraint(
            model_name="budgetmark",
            constraint=models.CheckConstraint(
                condition=models.Q(("percent__in", (50, 80, 100))), name="budget_mark_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetmark",
            constraint=models.CheckConstraint(condition=models.Q(("month__day", 1)), name="budget_mark_of_a_month"),
        ),
        migrations.RunSQL(KEPT, UNDO),
    ]
