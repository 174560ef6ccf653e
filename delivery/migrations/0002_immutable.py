"""A release never changes: the app's role may add and read releases, nothing else."""

from django.conf import settings
from django.db import migrations


def revoke(apps, schema_editor):
    """By privilege, as for decisions."""
    role = schema_editor.quote_name(settings.BERTH.app_role)
    schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON delivery_release FROM {role}")


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]
    operations = [migrations.RunPython(revoke, migrations.RunPython.noop)]
