"""Counts what living environments hold in every metric, with their service and tier."""

from decimal import Decimal

from django.db import migrations
from django.utils import timezone

from catalog import quota
from catalog.pricing import price


def _needs(environment):
    spec = environment.template_version.spec
    counted = {name: Decimal(amount) for name, amount in quota.uses(spec["parameters"], environment.parameters).items()}
    cost = price(spec, environment.parameters)
    found = {**counted, "environments": Decimal(1), "cost_month": cost.running_per_month}
    return [(metric, amount, cost.currency if metric == "cost_month" else "") for metric, amount in found.items()]


def count(apps, schema_editor):
    """Rows from before say neither service nor tier: they are released, and whole ones take their place."""
    environments = apps.get_model("provisioning", "Environment").objects
    reservation = apps.get_model("policies", "QuotaReservation")
    reservation.objects.filter(released_at=None).update(released_at=timezone.now())
    living = environments.exclude(status="destroyed").select_related("template_version")
    for environment in living.iterator():
        place = {"team_id": environment.team_id, "service_id": environment.service_id, "tier": environment.tier}
        reservation.objects.bulk_create(
            reservation(
                **place, metric=metric, amount=amount, currency=currency, subject=f"environment:{environment.pk}"
            )
            for metric, amount, currency in _needs(environment)
            if amount > 0
        )


class Migration(migrations.Migration):
    dependencies = [("policies", "0060_limits"), ("provisioning", "0051_hold_guards")]
    operations = [migrations.RunPython(count, migrations.RunPython.noop)]
