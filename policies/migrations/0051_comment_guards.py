"""A comment stays as it was written, by trigger and by privilege."""

from django.conf import settings
from django.db import migrations

GUARDS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON policies_comment
    FOR EACH ROW EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON policies_comment EXECUTE FUNCTION policies_append_only();
"""
UNDO = """
DROP TRIGGER no_truncate ON policies_comment;
DROP TRIGGER append_only ON policies_comment;
"""


def revoke(apps, schema_editor):
    """The app's role may only insert and read comments."""
    role = schema_editor.quote_name(settings.BERTH.app_role)
    schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON policies_comment FROM {role}")


class Migration(migrations.Migration):
    dependencies = [("policies", "0050_comments")]
    operations = [migrations.RunSQL(GUARDS, UNDO), migrations.RunPython(revoke, migrations.RunPython.noop)]
