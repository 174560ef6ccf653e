"""What must never be false about operations: fences only rise, requesters stay, signatures name the true requester."""

from django.conf import settings
from django.db import migrations

GUARDS = """
CREATE SEQUENCE provisioning_fence AS bigint;

CREATE FUNCTION provisioning_requester_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    IF NEW.requester_id IS DISTINCT FROM OLD.requester_id OR NEW.kind <> OLD.kind
       OR NEW.environment_id <> OLD.environment_id OR NEW.team_id <> OLD.team_id OR NEW.origin <> OLD.origin THEN
        RAISE EXCEPTION 'who asked for an operation, what and for which environment never changes'
            USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;
CREATE TRIGGER requester_stays BEFORE UPDATE ON provisioning_operation
    FOR EACH ROW EXECUTE FUNCTION provisioning_requester_stays();

CREATE FUNCTION provisioning_plan_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    IF OLD.plan_locked_at IS NOT NULL AND (NEW.change_digest <> OLD.change_digest OR NEW.plan <> OLD.plan
       OR NEW.arguments <> OLD.arguments OR NEW.plan_locked_at IS DISTINCT FROM OLD.plan_locked_at) THEN
        RAISE EXCEPTION 'a locked plan never changes' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;
CREATE TRIGGER plan_stays BEFORE UPDATE ON provisioning_operation
    FOR EACH ROW EXECUTE FUNCTION provisioning_plan_stays();

CREATE FUNCTION provisioning_true_requester() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $guard$
DECLARE asked record;
BEGIN
    IF NEW.subject NOT LIKE 'operation:%' THEN
        RETURN NEW;
    END IF;
    SELECT requester_id, team_id, change_digest, status INTO asked
        FROM public.provisioning_operation WHERE id::text = substr(NEW.subject, 11);
    IF NOT FOUND OR asked.requester_id IS DISTINCT FROM NEW.requester_id OR asked.team_id <> NEW.team_id THEN
        RAISE EXCEPTION 'a signature names the operation''s own requester and team' USING ERRCODE = '42501';
    END IF;
    IF asked.status <> 'awaiting_approval' OR asked.change_digest <> NEW.digest THEN
        RAISE EXCEPTION 'a signature is given to the plan that waits for it' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;
CREATE TRIGGER true_requester BEFORE INSERT ON policies_signature
    FOR EACH ROW EXECUTE FUNCTION provisioning_true_requester();

CREATE FUNCTION provisioning_fence_rises() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    IF NEW.fence < OLD.fence THEN
        RAISE EXCEPTION 'fence % is older than %', NEW.fence, OLD.fence USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;
CREATE TRIGGER fence_rises BEFORE UPDATE ON provisioning_environment
    FOR EACH ROW EXECUTE FUNCTION provisioning_fence_rises();
CREATE TRIGGER fence_rises BEFORE UPDATE ON provisioning_operationlease
    FOR EACH ROW EXECUTE FUNCTION provisioning_fence_rises();
CREATE TRIGGER fence_rises BEFORE UPDATE ON provisioning_workload
    FOR EACH ROW EXECUTE FUNCTION provisioning_fence_rises();
CREATE TRIGGER fence_rises BEFORE UPDATE ON provisioning_route
    FOR EACH ROW EXECUTE FUNCTION provisioning_fence_rises();
"""
UNDO = """
DROP TRIGGER fence_rises ON provisioning_route;
DROP TRIGGER fence_rises ON provisioning_workload;
DROP TRIGGER fence_rises ON provisioning_operationlease;
DROP TRIGGER fence_rises ON provisioning_environment;
DROP FUNCTION provisioning_fence_rises();
DROP TRIGGER true_requester ON policies_signature;
DROP FUNCTION provisioning_true_requester();
DROP TRIGGER plan_stays ON provisioning_operation;
DROP FUNCTION provisioning_plan_stays();
DROP TRIGGER requester_stays ON provisioning_operation;
DROP FUNCTION provisioning_requester_stays();
DROP SEQUENCE provisioning_fence;
"""


def revoke(apps, schema_editor):
    """The log is append-only and operations are never deleted, by privilege."""
    role = schema_editor.quote_name(settings.BERTH.app_role)
    schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON provisioning_operationlog FROM {role}")
    schema_editor.execute(f"REVOKE DELETE, TRUNCATE ON provisioning_operation, provisioning_environment FROM {role}")
    schema_editor.execute(f"GRANT USAGE ON SEQUENCE provisioning_fence TO {role}")


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0001_initial"), ("policies", "0002_guards")]
    operations = [migrations.RunSQL(GUARDS, UNDO), migrations.RunPython(revoke, migrations.RunPython.noop)]
