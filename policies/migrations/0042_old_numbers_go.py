"""The numbers that the steps replace are dropped."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("policies", "0041_rules_keep_their_meaning")]
    operations = [
        migrations.RemoveField(
            model_name="approvalrule",
            name="also_from",
        ),
        migrations.RemoveField(
            model_name="approvalrule",
            name="owning_team",
        ),
        migrations.RemoveField(
            model_name="approvalrule",
            name="signatures",
        ),
    ]
