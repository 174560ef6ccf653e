"""What waits keeps what it needs, said as steps; a signature is given in a step that is open, an emergency to a plan."""

from django.db import migrations

CONVERT = """
ALTER TABLE provisioning_operation DISABLE TRIGGER plan_stays;
UPDATE provisioning_operation o SET
    awaiting_since = CASE WHEN o.status IN ('awaiting_approval', 'held') THEN o.created_at END,
    asked = array_prepend('team:' || t.slug, ARRAY(
        SELECT 'team:' || s FROM jsonb_array_elements_text(coalesce(o.approval -> 'also_from', '[]')) s)),
    approval = o.approval || jsonb_build_object(
        'owning', 'team:' || t.slug, 'why', '{}'::jsonb, 'on_expiry', 'reject',
        'escalate_to', '[]'::jsonb, 'remind_hours', '[]'::jsonb,
        'steps', jsonb_build_array(jsonb_build_object(
            'key', '1:Approval', 'position', 1, 'name', 'Approval', 'editable', '[]'::jsonb,
            'clauses', jsonb_build_array(jsonb_build_object(
                'rule', coalesce(o.approval -> 'rules' ->> 0, ''), 'quorum', o.signatures_needed,
                'who', array_prepend('team:' || t.slug, ARRAY(
                    SELECT 'team:' || s FROM jsonb_array_elements_text(coalesce(o.approval -> 'also_from', '[]')) s)),
                'least', CASE WHEN o.owning_needed > 0
                    THEN jsonb_build_object('team:' || t.slug, o.owning_needed) ELSE '{}'::jsonb END)))))
FROM policies_team t
WHERE t.id = o.team_id AND o.signatures_needed > 0 AND NOT o.approval ? 'steps';
ALTER TABLE provisioning_operation ENABLE TRIGGER plan_stays;
"""

TRUE_REQUESTER = """
CREATE OR REPLACE FUNCTION provisioning_true_requester() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $guard$
DECLARE asked record; opens int;
BEGIN
    IF NEW.subject NOT LIKE 'operation:%' THEN
        RETURN NEW;
    END IF;
    SELECT requester_id, team_id, change_digest, status, approval INTO asked
        FROM public.provisioning_operation WHERE id::text = substr(NEW.subject, 11);
    IF NOT FOUND OR asked.requester_id IS DISTINCT FROM NEW.requester_id OR asked.team_id <> NEW.team_id THEN
        RAISE EXCEPTION 'a signature names the operation''s own requester and team' USING ERRCODE = '42501';
    END IF;
    IF asked.status <> 'awaiting_approval' OR asked.change_digest <> NEW.digest THEN
        RAISE EXCEPTION 'a signature is given to the plan that waits for it' USING ERRCODE = '42501';
    END IF;
    IF NEW.voided_at IS NOT NULL THEN
        RAISE EXCEPTION 'a signature is voided after it was given' USING ERRCODE = '42501';
    END IF;
    SELECT (need ->> 'position')::int INTO opens FROM jsonb_array_elements(
        CASE jsonb_typeof(asked.approval -> 'steps') WHEN 'array' THEN asked.approval -> 'steps' ELSE '[]' END) need
        WHERE need ->> 'key' = NEW.step;
    IF NOT FOUND OR NOT public.policies_signed(
            NEW.subject, NEW.digest, NEW.requester_id, asked.approval -> 'steps', NULL, opens) THEN
        RAISE EXCEPTION 'a signature is given in a step that is open' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;

CREATE FUNCTION provisioning_true_emergency() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $guard$
DECLARE asked record;
BEGIN
    SELECT requester_id, team_id, change_digest, status INTO asked
        FROM public.provisioning_operation WHERE id::text = substr(NEW.subject, 11) AND NEW.subject LIKE 'operation:%';
    IF NOT FOUND OR asked.requester_id IS DISTINCT FROM NEW.requester_id OR asked.team_id <> NEW.team_id
       OR asked.status <> 'awaiting_approval' OR asked.change_digest <> NEW.digest THEN
        RAISE EXCEPTION 'an emergency is recorded of the plan that waits' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;
CREATE TRIGGER true_emergency BEFORE INSERT ON policies_brokenglass
    FOR EACH ROW EXECUTE FUNCTION provisioning_true_emergency();
"""
UNDO = """
DROP TRIGGER true_emergency ON policies_brokenglass;
DROP FUNCTION provisioning_true_emergency();
"""


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0040_steps")]
    operations = [
        migrations.RunSQL(CONVERT, migrations.RunSQL.noop),
        migrations.RunSQL(TRUE_REQUESTER, UNDO),
    ]
