"""The guards of operations without gaps: an emptied plan is a changed plan, and what was signed for stays too."""

from django.db import migrations

STRICTER = """
CREATE OR REPLACE FUNCTION provisioning_requester_stays() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    IF (NEW.id, NEW.requester_id, NEW.kind, NEW.environment_id, NEW.team_id, NEW.tier, NEW.origin) IS DISTINCT FROM
       (OLD.id, OLD.requester_id, OLD.kind, OLD.environment_id, OLD.team_id, OLD.tier, OLD.origin) THEN
        RAISE EXCEPTION 'who asked for an operation, what and for which environment never changes'
            USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;

CREATE OR REPLACE FUNCTION provisioning_plan_stays() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    IF OLD.plan_locked_at IS NOT NULL AND
       (NEW.plan, NEW.change_digest, NEW.arguments, NEW.plan_locked_at,
        NEW.approval, NEW.signatures_needed, NEW.owning_needed) IS DISTINCT FROM
       (OLD.plan, OLD.change_digest, OLD.arguments, OLD.plan_locked_at,
        OLD.approval, OLD.signatures_needed, OLD.owning_needed) THEN
        RAISE EXCEPTION 'a locked plan never changes' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;
"""


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0002_guards")]
    operations = [migrations.RunSQL(STRICTER, migrations.RunSQL.noop)]
