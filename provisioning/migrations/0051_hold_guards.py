"""What must never be false of a hold: it is of the plan that waits, it ends once, and held means held by one."""

from django.conf import settings
from django.db import migrations

GUARDS = """
CREATE FUNCTION provisioning_true_hold() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $guard$
DECLARE asked record;
BEGIN
    SELECT requester_id, team_id, change_digest, status INTO asked
        FROM public.provisioning_operation WHERE id = NEW.operation_id;
    IF asked.requester_id IS DISTINCT FROM NEW.requester_id OR asked.team_id <> NEW.team_id
       OR asked.status <> 'awaiting_approval' OR asked.change_digest <> NEW.digest OR NEW.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'only the plan that waits for signatures is held, under its own requester'
            USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;
CREATE TRIGGER true_hold BEFORE INSERT ON provisioning_hold
    FOR EACH ROW EXECUTE FUNCTION provisioning_true_hold();

CREATE FUNCTION provisioning_hold_ends_once() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION '% of % is refused: these rows are kept as written', TG_OP, TG_TABLE_NAME
            USING ERRCODE = '42501';
    END IF;
    IF OLD.ended_at IS NOT NULL OR (to_jsonb(NEW) - '{ended_at,ended_by_id,ending,answer}'::text[])
       <> (to_jsonb(OLD) - '{ended_at,ended_by_id,ending,answer}'::text[]) THEN
        RAISE EXCEPTION 'a hold can only be ended, once' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;
CREATE TRIGGER ends_once BEFORE UPDATE OR DELETE ON provisioning_hold
    FOR EACH ROW EXECUTE FUNCTION provisioning_hold_ends_once();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON provisioning_hold EXECUTE FUNCTION provisioning_hold_ends_once();

CREATE FUNCTION provisioning_hold_ends_too() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $guard$
BEGIN
    UPDATE public.provisioning_hold SET ended_at = now(), ending = 'ended'
        WHERE operation_id = NEW.id AND ended_at IS NULL;
    RETURN NULL;
END $guard$;
CREATE TRIGGER hold_ends_too AFTER UPDATE OF status ON provisioning_operation
    FOR EACH ROW WHEN (OLD.status = 'held' AND NEW.status <> 'held') EXECUTE FUNCTION provisioning_hold_ends_too();

CREATE FUNCTION provisioning_held_by_one() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $guard$
BEGIN
    IF (SELECT status FROM public.provisioning_operation WHERE id = NEW.id) = 'held' AND NOT EXISTS (
        SELECT 1 FROM public.provisioning_hold WHERE operation_id = NEW.id AND ended_at IS NULL) THEN
        RAISE EXCEPTION 'an operation is held by a question or a return' USING ERRCODE = '42501';
    END IF;
    RETURN NULL;
END $guard$;
CREATE CONSTRAINT TRIGGER held_by_one AFTER UPDATE OF status ON provisioning_operation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'held')
    EXECUTE FUNCTION provisioning_held_by_one();

CREATE FUNCTION provisioning_hold_holds() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $guard$
BEGIN
    IF EXISTS (SELECT 1 FROM public.provisioning_hold h JOIN public.provisioning_operation o ON o.id = h.operation_id
               WHERE h.id = NEW.id AND h.ended_at IS NULL AND o.status <> 'held') THEN
        RAISE EXCEPTION 'an open hold holds its operation' USING ERRCODE = '42501';
    END IF;
    RETURN NULL;
END $guard$;
CREATE CONSTRAINT TRIGGER hold_holds AFTER INSERT ON provisioning_hold DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION provisioning_hold_holds();
"""
UNDO = """
DROP TRIGGER hold_holds ON provisioning_hold;
DROP FUNCTION provisioning_hold_holds();
DROP TRIGGER held_by_one ON provisioning_operation;
DROP FUNCTION provisioning_held_by_one();
DROP TRIGGER hold_ends_too ON provisioning_operation;
DROP FUNCTION provisioning_hold_ends_too();
DROP TRIGGER no_truncate ON provisioning_hold;
DROP TRIGGER ends_once ON provisioning_hold;
DROP FUNCTION provisioning_hold_ends_once();
DROP TRIGGER true_hold ON provisioning_hold;
DROP FUNCTION provisioning_true_hold();
"""


def revoke(apps, schema_editor):
    """The app's role may only insert, read and end holds."""
    role = schema_editor.quote_name(settings.BERTH.app_role)
    schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON provisioning_hold FROM {role}")
    schema_editor.execute(f"GRANT UPDATE (ended_at, ended_by_id, ending, answer) ON provisioning_hold TO {role}")


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0050_holds")]
    operations = [migrations.RunSQL(GUARDS, UNDO), migrations.RunPython(revoke, migrations.RunPython.noop)]
