"""What must never be false about people's decisions: append-only decisions, signatures that can only be voided."""

from django.conf import settings
from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION policies_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    RAISE EXCEPTION '% of % is refused: these rows are kept as written', TG_OP, TG_TABLE_NAME USING ERRCODE = '42501';
END $guard$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON policies_decision
    FOR EACH ROW EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER no_delete BEFORE DELETE ON policies_signature
    FOR EACH ROW EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON policies_decision EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON policies_signature EXECUTE FUNCTION policies_append_only();

CREATE FUNCTION policies_signature_void_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    IF OLD.voided_at IS NOT NULL OR NEW.voided_at IS NULL
       OR (to_jsonb(NEW) - 'voided_at' - 'void_reason') <> (to_jsonb(OLD) - 'voided_at' - 'void_reason') THEN
        RAISE EXCEPTION 'a signature can only be voided, once' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;

CREATE TRIGGER void_only BEFORE UPDATE ON policies_signature
    FOR EACH ROW EXECUTE FUNCTION policies_signature_void_only();
"""
UNDO = """
DROP TRIGGER void_only ON policies_signature;
DROP TRIGGER no_truncate ON policies_signature;
DROP TRIGGER no_truncate ON policies_decision;
DROP TRIGGER no_delete ON policies_signature;
DROP TRIGGER append_only ON policies_decision;
DROP FUNCTION policies_signature_void_only();
DROP FUNCTION policies_append_only();
"""


def revoke(apps, schema_editor):
    """The app's role may only insert and read decisions, and insert, read and void signatures."""
    role = schema_editor.quote_name(settings.BERTH.app_role)
    schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON policies_decision, policies_signature FROM {role}")
    schema_editor.execute(f"GRANT UPDATE (voided_at, void_reason) ON policies_signature TO {role}")


class Migration(migrations.Migration):
    dependencies = [("policies", "0001_initial")]
    operations = [migrations.RunSQL(APPEND_ONLY, UNDO), migrations.RunPython(revoke, migrations.RunPython.noop)]
