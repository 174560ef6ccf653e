"""Makes the transition tables of states.py binding in the database: one trigger per table, generated from them."""

from django.db.backends.base.base import BaseDatabaseWrapper

from provisioning import states

_FUNCTION = """
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    IF NEW.status IS DISTINCT FROM OLD.status AND NOT (OLD.status || '>' || NEW.status = ANY (ARRAY[{pairs}])) THEN
        RAISE EXCEPTION 'illegal status change of {table}: % to %', OLD.status, NEW.status USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $guard$
"""
_TRIGGER = """
CREATE OR REPLACE TRIGGER status_guard BEFORE UPDATE OF status ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()
"""
TABLES = {"provisioning_operation": states.OPERATION, "provisioning_environment": states.ENVIRONMENT}


def sync(connection: BaseDatabaseWrapper) -> None:
    """Create or refresh the guards. Run as the owner after every migration."""
    with connection.cursor() as cursor:
        for table, transitions in TABLES.items():
            pairs = ", ".join(f"'{a}>{b}'" for a in sorted(transitions) for b in sorted(transitions[a]))
            name = f"{table}_status_guard"
            cursor.execute(_FUNCTION.format(name=name, table=table, pairs=pairs))
            cursor.execute(_TRIGGER.format(name=name, table=table))
