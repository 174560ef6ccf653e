"""One answer to "are the signatures complete", as a function; delegations only end, emergencies are only reviewed."""

from django.conf import settings
from django.db import migrations

# Counts what each rule asks of each step. With `below`, only the steps before that position.
SIGNED = """
CREATE FUNCTION policies_signed(asked text, plan text, requester bigint, steps jsonb, editors bigint[], below int)
RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog AS $signed$
WITH given AS (
    SELECT s.step::text AS step, s.groups::text[] AS groups, s.signer_id FROM public.policies_signature s
    WHERE s.subject = asked AND s.digest = plan AND s.verdict = 'approve' AND s.voided_at IS NULL
      AND s.signer_id IS DISTINCT FROM requester AND s.on_behalf_of_id IS DISTINCT FROM coalesce(requester, -1)
)
SELECT jsonb_typeof(steps) = 'array' AND jsonb_array_length(steps) > 0 AND NOT EXISTS (
    SELECT 1 FROM jsonb_array_elements(steps) need CROSS JOIN jsonb_array_elements(need -> 'clauses') clause
    WHERE (below IS NULL OR (need ->> 'position')::int < below) AND (
        (SELECT count(*) FROM given g WHERE g.step = need ->> 'key'
            AND g.groups && ARRAY(SELECT jsonb_array_elements_text(clause -> 'who'))) < (clause ->> 'quorum')::int
        OR EXISTS (SELECT 1 FROM jsonb_each_text(clause -> 'least') few WHERE (
            SELECT count(*) FROM given g WHERE g.step = need ->> 'key' AND few.key = ANY (g.groups)) < few.value::int))
) AND (below IS NOT NULL OR coalesce(cardinality(editors), 0) = 0
    OR EXISTS (SELECT 1 FROM given g WHERE g.signer_id <> ALL (editors)))
$signed$;
"""

GUARDS = """
CREATE FUNCTION policies_delegation_ends_only() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog AS $guard$
BEGIN
    IF OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
       OR (to_jsonb(NEW) - 'ended_at') <> (to_jsonb(OLD) - 'ended_at') THEN
        RAISE EXCEPTION 'a delegation can only be ended, once' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;
CREATE TRIGGER ends_only BEFORE UPDATE ON policies_delegation
    FOR EACH ROW EXECUTE FUNCTION policies_delegation_ends_only();
CREATE TRIGGER no_delete BEFORE DELETE ON policies_delegation
    FOR EACH ROW EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON policies_delegation EXECUTE FUNCTION policies_append_only();

CREATE FUNCTION policies_glass_reviewed_only() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog AS $guard$
BEGIN
    IF OLD.reviewed_at IS NOT NULL OR NEW.reviewed_at IS NULL
       OR (to_jsonb(NEW) - 'reviewer_id' - 'reviewed_at' - 'review')
          <> (to_jsonb(OLD) - 'reviewer_id' - 'reviewed_at' - 'review') THEN
        RAISE EXCEPTION 'an emergency can only be reviewed, once' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;
CREATE TRIGGER reviewed_only BEFORE UPDATE ON policies_brokenglass
    FOR EACH ROW EXECUTE FUNCTION policies_glass_reviewed_only();
CREATE TRIGGER no_delete BEFORE DELETE ON policies_brokenglass
    FOR EACH ROW EXECUTE FUNCTION policies_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON policies_brokenglass EXECUTE FUNCTION policies_append_only();

CREATE FUNCTION policies_glass_open() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    IF NEW.reviewed_at IS NOT NULL THEN
        RAISE EXCEPTION 'an emergency is reviewed after it was recorded' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;
CREATE TRIGGER begins_open BEFORE INSERT ON policies_brokenglass
    FOR EACH ROW EXECUTE FUNCTION policies_glass_open();
"""
UNDO = """
DROP TRIGGER begins_open ON policies_brokenglass;
DROP TRIGGER no_truncate ON policies_brokenglass;
DROP TRIGGER no_delete ON policies_brokenglass;
DROP TRIGGER reviewed_only ON policies_brokenglass;
DROP TRIGGER no_truncate ON policies_delegation;
DROP TRIGGER no_delete ON policies_delegation;
DROP TRIGGER ends_only ON policies_delegation;
DROP FUNCTION policies_glass_open();
DROP FUNCTION policies_glass_reviewed_only();
DROP FUNCTION policies_delegation_ends_only();
"""
UNSIGNED = "DROP FUNCTION policies_signed(text, text, bigint, jsonb, bigint[], int)"


def grant(apps, schema_editor):
    """The app's role ends delegations, reviews emergencies, and changes nothing else of them."""
    role = schema_editor.quote_name(settings.BERTH.app_role)
    schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON policies_delegation, policies_brokenglass FROM {role}")
    schema_editor.execute(f"GRANT UPDATE (ended_at) ON policies_delegation TO {role}")
    schema_editor.execute(f"GRANT UPDATE (reviewer_id, reviewed_at, review) ON policies_brokenglass TO {role}")


class Migration(migrations.Migration):
    dependencies = [("policies", "0042_old_numbers_go")]
    operations = [
        migrations.RunSQL(SIGNED, UNSIGNED),
        migrations.RunSQL(GUARDS, UNDO),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
