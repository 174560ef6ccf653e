"""A waiver is asked for before it is anything else, keeps what was asked, and moves one way only."""

from django.conf import settings
from django.db import migrations

GUARD = """
CREATE FUNCTION policies_waiver_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
DECLARE
    decided constant text[] := ARRAY['decided_by_id', 'decided_at', 'decision_reason'];
    ended constant text[] := ARRAY['ended_at', 'end_reason'];
    free text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'asked' OR NEW.operation <> '' OR NEW.ended_at IS NOT NULL THEN
            RAISE EXCEPTION 'a waiver begins as asked for' USING ERRCODE = '42501';
        END IF;
        IF NEW.scope LIKE 'request:%' AND split_part(NEW.scope, ':', 2) <> NEW.asked_by_id::text THEN
            RAISE EXCEPTION 'only who made a request asks for its override' USING ERRCODE = '42501';
        END IF;
        RETURN NEW;
    END IF;
    free := CASE
        WHEN OLD.state = 'asked' AND NEW.state IN ('granted', 'refused') THEN decided || ARRAY['state']
        WHEN OLD.state = 'asked' AND NEW.state IN ('withdrawn', 'ended') THEN ended || ARRAY['state']
        WHEN OLD.state = 'granted' AND NEW.state = 'ended' THEN ended || ARRAY['state']
        WHEN OLD.state = 'granted' AND NEW.state = 'granted' AND OLD.operation = '' THEN
            ARRAY['operation', 'reminded_days']
        WHEN OLD.state = 'granted' AND NEW.state = 'granted' THEN ARRAY['reminded_days']
        WHEN OLD.state = 'ended' AND NEW.state = 'ended' AND OLD.reviewed_at IS NULL THEN ARRAY['reviewed_at']
        ELSE ARRAY[]::text[]
    END;
    IF to_jsonb(NEW) - free <> to_jsonb(OLD) - free THEN
        RAISE EXCEPTION 'a waiver keeps what was asked and decided; it can only be decided once and ended once'
            USING ERRCODE = '42501';
    END IF;
    IF OLD.state = 'asked' AND NEW.state = 'granted' AND NEW.decided_at >= NEW.expires_at THEN
        RAISE EXCEPTION 'a waiver is granted before its time is over' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON policies_waiver
    FOR EACH ROW EXECUTE FUNCTION policies_waiver_guard();
CREATE TRIGGER no_delete BEFORE DELETE ON policies_waiver FOR EACH ROW EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON policies_waiver EXECUTE FUNCTION policies_append_only();
"""
UNDO = """
DROP TRIGGER no_truncate ON policies_waiver;
DROP TRIGGER no_delete ON policies_waiver;
DROP TRIGGER guard ON policies_waiver;
DROP FUNCTION policies_waiver_guard();
"""


def revoke(apps, schema_editor):
    """The app's role never removes a waiver."""
    role = schema_editor.quote_name(settings.BERTH.app_role)
    schema_editor.execute(f"REVOKE DELETE, TRUNCATE ON policies_waiver FROM {role}")


class Migration(migrations.Migration):
    dependencies = [("policies", "0030_waivers")]
    operations = [migrations.RunSQL(GUARD, UNDO), migrations.RunPython(revoke, migrations.RunPython.noop)]
