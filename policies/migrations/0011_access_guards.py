"""What must never be false about access: grants only end, looks only end, reviews keep answers, machines never sign."""

from django.conf import settings
from django.db import migrations

GUARDS = """
CREATE FUNCTION policies_only_ends() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
DECLARE
    ends text := TG_ARGV[0];
    free text[] := TG_ARGV[1]::text[];
BEGIN
    IF (to_jsonb(OLD) ->> ends) IS NOT NULL OR (to_jsonb(NEW) ->> ends) IS NULL
       OR (to_jsonb(NEW) - free) <> (to_jsonb(OLD) - free) THEN
        RAISE EXCEPTION 'a row of % can only be ended, once', TG_TABLE_NAME USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;

CREATE TRIGGER only_ends BEFORE UPDATE ON policies_accessgrant
    FOR EACH ROW EXECUTE FUNCTION policies_only_ends('revoked_at', '{revoked_at,revoked_by_id}');
CREATE TRIGGER only_ends BEFORE UPDATE ON policies_impersonation
    FOR EACH ROW EXECUTE FUNCTION policies_only_ends('ended_at', '{ended_at}');
CREATE TRIGGER only_ends BEFORE UPDATE ON policies_reviewitem
    FOR EACH ROW EXECUTE FUNCTION policies_only_ends('decided_at', '{decided_at,decided_by_id,decision,note}');
CREATE TRIGGER no_delete BEFORE DELETE ON policies_accessgrant
    FOR EACH ROW EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER no_delete BEFORE DELETE ON policies_impersonation
    FOR EACH ROW EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER no_delete BEFORE DELETE ON policies_reviewitem
    FOR EACH ROW EXECUTE FUNCTION policies_append_only();

CREATE FUNCTION policies_signer_is_a_person() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $guard$
BEGIN
    IF EXISTS (SELECT 1 FROM policies_user WHERE id = NEW.signer_id AND is_service) THEN
        RAISE EXCEPTION 'a service account never signs' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;

CREATE TRIGGER signer_is_a_person BEFORE INSERT ON policies_signature
    FOR EACH ROW EXECUTE FUNCTION policies_signer_is_a_person();
"""
UNDO = """
DROP TRIGGER signer_is_a_person ON policies_signature;
DROP FUNCTION policies_signer_is_a_person();
DROP TRIGGER no_delete ON policies_reviewitem;
DROP TRIGGER no_delete ON policies_impersonation;
DROP TRIGGER no_delete ON policies_accessgrant;
DROP TRIGGER only_ends ON policies_reviewitem;
DROP TRIGGER only_ends ON policies_impersonation;
DROP TRIGGER only_ends ON policies_accessgrant;
DROP FUNCTION policies_only_ends();
"""
KEPT = "policies_accessgrant, policies_impersonation, policies_reviewitem"


def revoke(apps, schema_editor):
    """The app's role may only write these rows and end them."""
    role = schema_editor.quote_name(settings.BERTH.app_role)
    schema_editor.execute(f"REVOKE DELETE, TRUNCATE ON {KEPT} FROM {role}")


class Migration(migrations.Migration):
    dependencies = [("policies", "0010_access")]
    operations = [migrations.RunSQL(GUARDS, UNDO), migrations.RunPython(revoke, migrations.RunPython.noop)]
