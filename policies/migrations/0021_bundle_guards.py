"""What must never be false about bundles: their content stays, their state moves forward by a table, none is deleted."""

from django.conf import settings
from django.db import migrations

GUARD = """
CREATE FUNCTION policies_bundle_moves() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    IF (to_jsonb(NEW) - 'state' - 'activated_at' - 'retired_at')
       <> (to_jsonb(OLD) - 'state' - 'activated_at' - 'retired_at') THEN
        RAISE EXCEPTION 'the content of a bundle never changes' USING ERRCODE = '42501';
    END IF;
    IF NEW.state <> OLD.state AND NOT (OLD.state || '>' || NEW.state) IN
       ('draft>shadow', 'draft>active', 'draft>retired', 'shadow>draft', 'shadow>active', 'shadow>retired',
        'active>retired', 'retired>draft', 'retired>active') THEN
        RAISE EXCEPTION 'a bundle does not go from % to %', OLD.state, NEW.state USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $guard$;

CREATE TRIGGER bundle_moves BEFORE UPDATE ON policies_policybundle
    FOR EACH ROW EXECUTE FUNCTION policies_bundle_moves();
CREATE TRIGGER no_delete BEFORE DELETE ON policies_policybundle
    FOR EACH ROW EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON policies_policybundle EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON policies_shadowdecision
    FOR EACH ROW EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER append_only BEFORE UPDATE ON policies_decisioninput
    FOR EACH ROW EXECUTE FUNCTION policies_append_only();
"""
UNDO = """
DROP TRIGGER append_only ON policies_decisioninput;
DROP TRIGGER append_only ON policies_shadowdecision;
DROP TRIGGER no_truncate ON policies_policybundle;
DROP TRIGGER no_delete ON policies_policybundle;
DROP TRIGGER bundle_moves ON policies_policybundle;
DROP FUNCTION policies_bundle_moves();
"""


def revoke(apps, schema_editor):
    """The app's role may move bundles and remove old facts, and change nothing else of these tables."""
    role = schema_editor.quote_name(settings.BERTH.app_role)
    schema_editor.execute(
        f"REVOKE UPDATE, DELETE, TRUNCATE ON policies_policybundle, policies_shadowdecision FROM {role}"
    )
    schema_editor.execute(f"REVOKE UPDATE, TRUNCATE ON policies_decisioninput FROM {role}")
    schema_editor.execute(f"GRANT UPDATE (state, activated_at, retired_at) ON policies_policybundle TO {role}")


class Migration(migrations.Migration):
    dependencies = [("policies", "0020_bundles")]
    operations = [migrations.RunSQL(GUARD, UNDO), migrations.RunPython(revoke, migrations.RunPython.noop)]
