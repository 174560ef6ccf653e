"""Which service and team an environment belongs to, its tier and its birth never change: rules hang on them."""

from django.db import migrations

GUARD = """
CREATE FUNCTION provisioning_environment_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    IF (NEW.id, NEW.tier, NEW.team_id, NEW.service_id, NEW.created_at)
       IS DISTINCT FROM (OLD.id, OLD.tier, OLD.team_id, OLD.service_id, OLD.created_at) THEN
        RAISE EXCEPTION 'tier, team, service and birth of an environment never change' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;
CREATE TRIGGER environment_stays BEFORE UPDATE ON provisioning_environment
    FOR EACH ROW EXECUTE FUNCTION provisioning_environment_stays();
"""
UNDO = """
DROP TRIGGER environment_stays ON provisioning_environment;
DROP FUNCTION provisioning_environment_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0004_nothing_by_schedule_on_prod")]
    operations = [migrations.RunSQL(GUARD, UNDO)]
