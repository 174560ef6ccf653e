"""A stop is lifted once and keeps who stopped it; a use of a switch ends once. Neither is ever removed."""

from django.conf import settings
from django.db import migrations

GUARD = """
CREATE FUNCTION policies_stop_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
DECLARE free constant text[] := ARRAY['lifted_by_id', 'lifted_at', 'lift_reason'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.lifted_at IS NOT NULL THEN
            RAISE EXCEPTION 'a stop begins as not lifted' USING ERRCODE = '42501';
        END IF;
    ELSIF OLD.lifted_at IS NOT NULL OR to_jsonb(NEW) - free <> to_jsonb(OLD) - free THEN
        RAISE EXCEPTION 'a stop can only be lifted, once' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;

CREATE FUNCTION policies_switch_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
DECLARE free constant text[] := ARRAY['ended_at', 'ended_by_id'];
BEGIN
    IF OLD.ended_at IS NOT NULL OR to_jsonb(NEW) - free <> to_jsonb(OLD) - free THEN
        RAISE EXCEPTION 'the use of a switch can only end, once' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON policies_stop
    FOR EACH ROW EXECUTE FUNCTION policies_stop_guard();
CREATE TRIGGER guard BEFORE UPDATE ON policies_switch FOR EACH ROW EXECUTE FUNCTION policies_switch_guard();
CREATE TRIGGER no_delete BEFORE DELETE ON policies_stop FOR EACH ROW EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER no_delete BEFORE DELETE ON policies_switch FOR EACH ROW EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON policies_stop EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON policies_switch EXECUTE FUNCTION policies_append_only();
"""
UNDO = """
DROP TRIGGER no_truncate ON policies_switch;
DROP TRIGGER no_truncate ON policies_stop;
DROP TRIGGER no_delete ON policies_switch;
DROP TRIGGER no_delete ON policies_stop;
DROP TRIGGER guard ON policies_switch;
DROP TRIGGER guard ON policies_stop;
DROP FUNCTION policies_switch_guard();
DROP FUNCTION policies_stop_guard();
"""


def revoke(apps, schema_editor):
    """The app's role lifts and ends, and changes nothing else of these rows."""
    role = schema_editor.quote_name(settings.BERTH.app_role)
    schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON policies_stop, policies_switch FROM {role}")
    schema_editor.execute(f"GRANT UPDATE (lifted_by_id, lifted_at, lift_reason) ON policies_stop TO {role}")
    schema_editor.execute(f"GRANT UPDATE (ended_at, ended_by_id) ON policies_switch TO {role}")


class Migration(migrations.Migration):
    dependencies = [("policies", "0090_windows")]
    operations = [migrations.RunSQL(GUARD, UNDO), migrations.RunPython(revoke, migrations.RunPython.noop)]
