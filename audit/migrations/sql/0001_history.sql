-- The history. Parent table in public, everything else (partitions, functions) in the schema "audit";
-- all of it belongs to the NOLOGIN role @audit@. @app@ may read, and call what is granted at the end.

CREATE SCHEMA audit AUTHORIZATION @audit@;

CREATE TABLE public.audit_epoch (
    epoch   integer PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason  text NOT NULL
);
INSERT INTO public.audit_epoch (epoch, reason) VALUES (1, 'installed');

CREATE TABLE public.audit_event (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    epoch       integer NOT NULL,
    txid        bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    source      text NOT NULL CHECK (source IN ('row', 'event')),
    event       text NOT NULL,
    table_name  text NOT NULL DEFAULT '',
    object      text NOT NULL DEFAULT '',
    actor       text NOT NULL CHECK (actor <> ''),
    actor_label text NOT NULL DEFAULT '',
    request_id  text NOT NULL DEFAULT '',
    operation   text NOT NULL DEFAULT '',
    reason      text NOT NULL DEFAULT '',
    scope       text NOT NULL DEFAULT '',
    before      jsonb CHECK (jsonb_typeof(before) = 'object'),
    after       jsonb CHECK (jsonb_typeof(after) = 'object'),
    data        jsonb CHECK (jsonb_typeof(data) = 'object'),
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);

CREATE INDEX audit_event_at ON public.audit_event (at DESC, id DESC);
CREATE INDEX audit_event_object ON public.audit_event (object, at DESC);
CREATE INDEX audit_event_actor ON public.audit_event (actor, at DESC);
CREATE INDEX audit_event_scope ON public.audit_event (scope, at DESC);
CREATE INDEX audit_event_event ON public.audit_event (event, at DESC);
CREATE TABLE audit.event_default PARTITION OF public.audit_event DEFAULT;

-- Only the table's owner may be named here, and only a role with CREATE on the schema may own one.
GRANT USAGE, CREATE ON SCHEMA public TO @audit@;
ALTER TABLE public.audit_epoch OWNER TO @audit@;
ALTER TABLE public.audit_event OWNER TO @audit@;
ALTER TABLE audit.event_default OWNER TO @audit@;
REVOKE CREATE ON SCHEMA public FROM @audit@;

CREATE FUNCTION audit.refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the history is append-only: % of % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION audit.context() RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT nullif(current_setting('app.ctx', true), '')::jsonb
$$;

-- What stands in for a missing context: a member of the owning role is a migration or an operator at the
-- console, never the app.
CREATE FUNCTION audit.owner_context(what text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
        RAISE EXCEPTION 'no audit context: % as % outside audit.context()', what, session_user
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN jsonb_build_object('actor', 'owner:' || session_user, 'actor_label', session_user);
END $$;

CREATE FUNCTION audit.masked(image jsonb, columns text[], mark text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(
        key, CASE WHEN key = ANY (columns) AND value <> 'null' THEN to_jsonb(mark) ELSE value END
    ), '{}') FROM jsonb_each(image)
$$;

CREATE FUNCTION audit.store(
    ctx jsonb, new_source text, new_event text, new_table text, new_object text, new_scope text,
    new_before jsonb, new_after jsonb, new_data jsonb
) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.audit_event
        (epoch, source, event, table_name, object, actor, actor_label, request_id, operation, reason,
         scope, before, after, data)
    VALUES (
        (SELECT max(epoch) FROM public.audit_epoch), new_source, new_event, new_table, new_object,
        ctx->>'actor', coalesce(ctx->>'actor_label', ''), coalesce(ctx->>'request_id', ''),
        coalesce(ctx->>'operation', ''), coalesce(ctx->>'reason', ''),
        coalesce(nullif(new_scope, ''), ctx->>'scope', ''), new_before, new_after, new_data)
$$;

-- Arguments: event prefix, primary key column, scope column or '', masked columns as an array literal.
-- The INSERT is spelled out rather than left to store(): this runs once a row, and a call costs a fifth more.
CREATE FUNCTION audit.row_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ctx     jsonb := nullif(current_setting('app.ctx', true), '');
    hidden  text[] := TG_ARGV[3];
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    image   jsonb := coalesce(new_row, old_row);
    was     jsonb := old_row;
    is_now  jsonb := new_row;
BEGIN
    IF ctx IS NULL THEN
        ctx := audit.owner_context(TG_OP || ' of ' || TG_TABLE_NAME);
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(key, old_row->key), jsonb_object_agg(key, value) INTO was, is_now
            FROM jsonb_each(new_row) WHERE value <> old_row->key;
        IF was IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    IF hidden <> '{}' AND (was ?| hidden OR is_now ?| hidden) THEN
        was := audit.masked(was, hidden, '•••');
        is_now := audit.masked(is_now, hidden, CASE TG_OP WHEN 'UPDATE' THEN '••• (changed)' ELSE '•••' END);
    END IF;
    INSERT INTO public.audit_event
        (epoch, source, event, table_name, object, actor, actor_label, request_id, operation, reason,
         scope, before, after)
    VALUES (
        (SELECT max(epoch) FROM public.audit_epoch), 'row',
        TG_ARGV[0] || CASE TG_OP WHEN 'INSERT' THEN '.inserted' WHEN 'UPDATE' THEN '.updated' ELSE '.deleted' END,
        TG_TABLE_NAME, TG_ARGV[0] || ':' || (image->>TG_ARGV[1]),
        ctx->>'actor', coalesce(ctx->>'actor_label', ''), coalesce(ctx->>'request_id', ''),
        coalesce(ctx->>'operation', ''), coalesce(ctx->>'reason', ''),
        coalesce('team:' || (image->>TG_ARGV[2]), ctx->>'scope', ''), was, is_now);
    RETURN NULL;
END $$;

-- TRUNCATE fires no row trigger, so the app may not use it on a watched table.
CREATE FUNCTION audit.table_truncated() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
        RAISE EXCEPTION 'TRUNCATE of % refused: it would leave no history', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM audit.store(
        coalesce(audit.context(), audit.owner_context('TRUNCATE')), 'row', TG_ARGV[0] || '.truncated',
        TG_TABLE_NAME::text, '', '', NULL, NULL, NULL);
    RETURN NULL;
END $$;

CREATE FUNCTION audit.record_event(event text, object text, scope text, data jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ctx jsonb := audit.context();
BEGIN
    IF ctx IS NULL THEN
        RAISE EXCEPTION 'no audit context: event % as % outside audit.context()', event, session_user
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM audit.store(ctx, 'event', event, '', object, scope, NULL, NULL, data);
END $$;

CREATE FUNCTION audit.guard(partition regclass) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse()', partition);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_no_truncate', partition);
END $$;

-- Makes the monthly partitions from this month on; returns the names of those it made. A month whose
-- rows already lie in the default partition stays there: moving them would need a DELETE.
CREATE FUNCTION audit.ensure_partitions(months_ahead integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
    SET lock_timeout = '3s' AS $$
DECLARE
    first timestamptz;
    until timestamptz;
    name  text;
BEGIN
    IF months_ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'months_ahead must lie between 0 and 24, not %', months_ahead;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('audit.ensure_partitions'));
    FOR step IN 0..months_ahead LOOP
        first := date_trunc('month', now()) + make_interval(months => step);
        until := first + interval '1 month';
        name := 'event_' || to_char(first, 'YYYY_MM');
        CONTINUE WHEN to_regclass('audit.' || name) IS NOT NULL;
        CONTINUE WHEN EXISTS (SELECT FROM audit.event_default WHERE at >= first AND at < until);
        EXECUTE format('CREATE TABLE audit.%I PARTITION OF public.audit_event FOR VALUES FROM (%L) TO (%L)',
                       name, first, until);
        PERFORM audit.guard(format('audit.%I', name)::regclass);
        RETURN NEXT name;
    END LOOP;
END $$;

-- A restored installation starts a new epoch, so that rows written after it are told from those it lost.
CREATE FUNCTION audit.begin_epoch(why text) RETURNS integer
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.audit_epoch (epoch, reason) SELECT max(epoch) + 1, why FROM public.audit_epoch
    RETURNING epoch
$$;

-- Row triggers of the parent are cloned to every partition; TRUNCATE triggers are not, hence guard().
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON public.audit_event
    FOR EACH ROW EXECUTE FUNCTION audit.refuse();
SELECT audit.guard('public.audit_event');
SELECT audit.guard('audit.event_default');
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.audit_epoch
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse();

DO $$
DECLARE
    each record;
BEGIN
    FOR each IN SELECT oid::regprocedure AS name FROM pg_proc WHERE pronamespace = 'audit'::regnamespace LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO @audit@', each.name);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, @app@', each.name);
    END LOOP;
END $$;

-- The app may be given rights on every new table by default; here it keeps only SELECT.
REVOKE ALL ON public.audit_event, public.audit_epoch, audit.event_default FROM PUBLIC, @app@;
REVOKE ALL ON SEQUENCE public.audit_event_id_seq FROM PUBLIC, @app@;
GRANT SELECT ON public.audit_event, public.audit_epoch TO @app@;
GRANT USAGE ON SCHEMA audit TO @app@;
GRANT EXECUTE ON FUNCTION audit.record_event(text, text, text, jsonb) TO @app@;
GRANT EXECUTE ON FUNCTION audit.ensure_partitions(integer) TO @app@;
SELECT audit.ensure_partitions(3);
