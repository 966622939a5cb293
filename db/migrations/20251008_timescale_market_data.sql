-- The tables of the market data service on TimescaleDB 2.x: all that 20251008_market_data_core.sql makes (it lies beside
-- this file and is applied first), with bars of minutes in compressed chunks of a day, and bars of 5m and 1h built of them.
-- Apply with `psql -f` or `market-data migrate`, to an empty database or to one whose plain tables hold bars. Each step runs
-- once per database, as in the other file; applied again it takes no lock that anybody could wait for, and what was
-- interrupted goes on. What it does, and why: docs/storage.md.

\ir 20251008_market_data_core.sql

BEGIN;

SELECT pg_advisory_xact_lock(hashtext('market-data migration'));
SET LOCAL client_min_messages = warning;
SET LOCAL lock_timeout = '3s';

-- An extension belongs to one database: created as the superuser in another one, it is not in this. The owner may.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS timescaledb;
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
    RAISE EXCEPTION 'this database has no TimescaleDB: %', SQLERRM
        USING HINT = 'Let a superuser run CREATE EXTENSION timescaledb in it, or leave it at the core migration.';
END
$$;

-- Debian's package, for one, is built without the features that this file needs; a server can also be set to do without.
DO $$
BEGIN
    IF current_setting('timescaledb.license', true) = 'apache' THEN
        RAISE EXCEPTION 'this TimescaleDB has only the features under the Apache licence (timescaledb.license = apache): it has '
                        'no compression, no continuous aggregates and no policies'
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Install the community build (package timescaledb-2-postgresql-N of Timescale), set '
                         'timescaledb.license = ''timescale'' in postgresql.conf and start PostgreSQL again; or apply '
                         '20251008_market_data_core.sql instead: the tables are then those of plain PostgreSQL.';
    END IF;
END
$$;

-- 0.1.0: the first version, also applied to databases that are older than `schema_version`.
DO $step$
BEGIN
IF EXISTS (SELECT FROM schema_version WHERE (part, version) = ('timescaledb', '0.1.0')) THEN
    RETURN;
END IF;

-- Builds what nobody else does. First what lies between the newest bar that is built and a day ago: the scheduled
-- refresh builds the last three days, but what is read trusts that all before the newest built bar is built too. Then the
-- buckets that late writes have noted, oldest first. Each refresh is a transaction of its own, of a day at most; a note is
-- removed when its buckets are built: after a kill they are built again. Minutes that retention may have dropped are left
-- alone: to rebuild a bar from what is gone would empty it.
CREATE OR REPLACE PROCEDURE candles_refresh(most integer DEFAULT 1000) LANGUAGE plpgsql AS $$
DECLARE
    settled timestamptz := date_bin('1 hour', now() - interval '2 hours', 'epoch');
    kept_since timestamptz;
    built text;
    bars text;
    since timestamptz;
    taken bigint[];
    starts timestamptz[];
    ends timestamptz[];
BEGIN
    SELECT coalesce(max(now() - (config ->> 'drop_after')::interval + interval '1 day'), '-infinity') INTO kept_since
    FROM timescaledb_information.jobs
    WHERE proc_name = 'policy_retention' AND hypertable_name = 'candles_intraday'
      AND next_start IS DISTINCT FROM 'infinity';

    FOREACH built IN ARRAY ARRAY['candles_5m', 'candles_1h'] LOOP
        SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) INTO bars
        FROM timescaledb_information.continuous_aggregates WHERE view_name = built;
        EXECUTE format('SELECT coalesce((SELECT max(ts) FROM %s),
                                        (SELECT min(ts) FROM candles_intraday WHERE interval = ''1m''))', bars) INTO since;
        CONTINUE WHEN since IS NULL;
        since := date_bin('1 hour', greatest(since, kept_since), 'epoch');
        WHILE since < settled - interval '1 day' LOOP
            CALL refresh_continuous_aggregate(built::regclass, since, since + interval '1 day');
            since := since + interval '1 day';
        END LOOP;
    END LOOP;

    SELECT array_agg(id) INTO taken FROM (SELECT id FROM candles_touched ORDER BY start_ts LIMIT most) AS first;
    SELECT array_agg(lower(span) ORDER BY span), array_agg(upper(span) ORDER BY span) INTO starts, ends
    FROM (SELECT range_agg(tstzrange(start_ts, end_ts)) AS all FROM candles_touched WHERE id = ANY (taken)) AS noted,
         generate_series(date_bin('1 day', lower(noted.all), 'epoch'), upper(noted.all), interval '1 day') AS midnight,
         unnest(noted.all * tstzmultirange(tstzrange(midnight, midnight + interval '1 day'))
                          * tstzmultirange(tstzrange(kept_since, settled))) AS span;
    FOR piece IN 1 .. coalesce(cardinality(starts), 0) LOOP
        CALL refresh_continuous_aggregate('candles_5m', starts[piece], ends[piece]);
        CALL refresh_continuous_aggregate('candles_1h', date_bin('1 hour', starts[piece], 'epoch'),
                                          date_bin('1 hour', ends[piece] + interval '55 minutes', 'epoch'));
        DELETE FROM candles_touched WHERE id = ANY (taken) AND end_ts <= ends[piece];
        COMMIT;
    END LOOP;
    DELETE FROM candles_touched WHERE id = ANY (taken);

    -- Scheduled work waits until the bars that were there when the chunks were made are built: see below.
    PERFORM alter_job(job_id, next_start => now())
    FROM timescaledb_information.jobs
    WHERE next_start = 'infinity'
      AND (hypertable_name IN ('candles_intraday', 'candles_5m', 'candles_1h')
           OR hypertable_name IN (SELECT materialization_hypertable_name
                                  FROM timescaledb_information.continuous_aggregates
                                  WHERE view_name IN ('candles_5m', 'candles_1h')));
END
$$;

-- The locks of all conversions come first: one that has moved bars for an hour must not fail over the next.
PERFORM schema_lock(VARIADIC ARRAY(
    SELECT name FROM unnest(ARRAY['candles_5m', 'candles_1h', 'candles_intraday', 'quotes_l1']) AS name
    WHERE NOT EXISTS (SELECT FROM timescaledb_information.hypertables WHERE hypertable_name = name)
      AND NOT EXISTS (SELECT FROM timescaledb_information.continuous_aggregates WHERE view_name = name)));

-- Chunks, what is built, and what is scheduled. What an operator has changed since is left as it is.
DO $$
DECLARE
    width text;
    built text;
    job integer;
    jobs integer[] := '{}';
BEGIN
    IF EXISTS (SELECT FROM timescaledb_information.hypertables WHERE hypertable_name = 'candles_intraday') THEN
        RETURN;
    END IF;

    -- The views of plain PostgreSQL give way. Bars that are there move into chunks: nobody reads or writes them meanwhile.
    DROP VIEW IF EXISTS candles_5m, candles_1h;
    PERFORM create_hypertable('candles_intraday', 'ts', chunk_time_interval => interval '1 day',
                              create_default_indexes => false, migrate_data => true);

    -- Compressed, a series' bars of a day lie together, in order of time.
    ALTER TABLE candles_intraday SET (timescaledb.compress, timescaledb.compress_segmentby = 'symbol, interval',
                                      timescaledb.compress_orderby = 'ts');
    jobs := jobs || add_compression_policy('candles_intraday', interval '14 days')
                 || add_retention_policy('candles_intraday', interval '365 days');

    FOR built, width IN VALUES ('candles_5m', '5 minutes'), ('candles_1h', '1 hour') LOOP
        -- materialized_only = false: what is not built yet is built as it is read.
        EXECUTE format($view$
            CREATE MATERIALIZED VIEW %I WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
            SELECT symbol,
                   time_bucket(%L, ts) AS ts,
                   first(open, ts) AS open,
                   max(high) AS high,
                   min(low) AS low,
                   last(close, ts) AS close,
                   sum(volume) AS volume
            FROM candles_intraday
            WHERE interval = '1m'
            GROUP BY symbol, time_bucket(%L, ts)
            WITH NO DATA
        $view$, built, width, width);
        EXECUTE format($view$
            ALTER MATERIALIZED VIEW %I SET (timescaledb.compress, timescaledb.compress_segmentby = 'symbol',
                                            timescaledb.compress_orderby = 'ts')
        $view$, built);
        jobs := jobs || add_continuous_aggregate_policy(built::regclass, start_offset => interval '3 days',
                                                        end_offset => interval '2 hours',
                                                        schedule_interval => interval '10 minutes')
                     || add_compression_policy(built::regclass, interval '14 days');
    END LOOP;

    -- Retention would drop bars that nothing is built of yet: what is scheduled waits for candles_refresh.
    FOREACH job IN ARRAY jobs LOOP
        PERFORM alter_job(job, next_start => 'infinity');
    END LOOP;
END
$$;

-- Quotes are many and short-lived: chunks of a day, compressed after a day, dropped after fourteen.
DO $$
BEGIN
    IF EXISTS (SELECT FROM timescaledb_information.hypertables WHERE hypertable_name = 'quotes_l1') THEN
        RETURN;
    END IF;
    PERFORM create_hypertable('quotes_l1', 'ts', chunk_time_interval => interval '1 day',
                              create_default_indexes => false, migrate_data => true);
    ALTER TABLE quotes_l1 SET (timescaledb.compress, timescaledb.compress_segmentby = 'symbol',
                               timescaledb.compress_orderby = 'ts, provider');
    PERFORM add_compression_policy('quotes_l1', interval '1 day');
    PERFORM add_retention_policy('quotes_l1', interval '14 days');
END
$$;

INSERT INTO schema_version (part, version) VALUES ('timescaledb', '0.1.0');
END
$step$;

-- 0.2.0: bars built from minutes of different volume scopes have no volume.
--
-- A continuous aggregate cannot be changed: another one is made beside each (candles_5m_next, candles_1h_next), is given
-- what the old one has, and takes its place and its name. Until then the old one is read as before. What is in the way of
-- that is said here, before anything is done. candles_refresh does the work, a day at a time: interrupted, it goes on.
DO $step$
DECLARE
    one record;
BEGIN
IF EXISTS (SELECT FROM schema_version WHERE (part, version) = ('timescaledb', '0.2.0')) THEN
    RETURN;
END IF;

FOR one IN
    SELECT DISTINCT built.name, dependent.oid::regclass AS dependent
    FROM unnest(ARRAY['candles_5m', 'candles_1h']) AS built (name)
    JOIN pg_depend ON refobjid = to_regclass(built.name) AND pg_depend.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite AS rule ON rule.oid = pg_depend.objid
    JOIN pg_class AS dependent ON dependent.oid = rule.ev_class AND dependent.oid <> to_regclass(built.name)
LOOP
    RAISE EXCEPTION '% must be rebuilt, and % is built on it', one.name, one.dependent
        USING HINT = format('Drop %s, apply this again, and create it again when %s has a column volume_scope.',
                            one.dependent, one.name);
END LOOP;

-- Makes the aggregate that takes another's place, with its settings. Its policies come with its place.
CREATE OR REPLACE FUNCTION candles_make_next(built text, width text) RETURNS void LANGUAGE plpgsql AS $function$
DECLARE
    was record;
    segments text;
    sorted text;
BEGIN
    SELECT * INTO STRICT was FROM timescaledb_information.continuous_aggregates WHERE view_name = built;
    EXECUTE format($view$
        CREATE MATERIALIZED VIEW %I WITH (timescaledb.continuous, timescaledb.materialized_only = %s) AS
        SELECT symbol,
               time_bucket(%L, ts) AS ts,
               first(open, ts) AS open,
               max(high) AS high,
               min(low) AS low,
               last(close, ts) AS close,
               CASE WHEN min(volume_scope) = max(volume_scope) THEN sum(volume) END AS volume,
               CASE WHEN min(volume_scope) = max(volume_scope) THEN min(volume_scope) ELSE 'mixed' END AS volume_scope
        FROM candles_intraday
        WHERE interval = '1m'
        GROUP BY symbol, time_bucket(%L, ts)
        WITH NO DATA
    $view$, built || '_next', was.materialized_only, width, width);
    IF NOT was.compression_enabled THEN
        RETURN;
    END IF;
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY segmentby_column_index)
               FILTER (WHERE segmentby_column_index IS NOT NULL),
           string_agg(format('%I %s NULLS %s', attname, CASE WHEN orderby_asc THEN 'ASC' ELSE 'DESC' END,
                             CASE WHEN orderby_nullsfirst THEN 'FIRST' ELSE 'LAST' END), ', ' ORDER BY orderby_column_index)
               FILTER (WHERE orderby_column_index IS NOT NULL)
    INTO segments, sorted
    FROM timescaledb_information.compression_settings
    WHERE hypertable_name = was.materialization_hypertable_name;
    EXECUTE format('ALTER MATERIALIZED VIEW %I SET (timescaledb.compress, timescaledb.compress_segmentby = %L, '
                   'timescaledb.compress_orderby = %L)', built || '_next', coalesce(segments, ''), coalesce(sorted, 'ts'));
END
$function$;

-- The aggregate made by candles_make_next takes the other's place: its policies, its readers, its name.
CREATE OR REPLACE FUNCTION candles_take_over(built text, width text) RETURNS void LANGUAGE plpgsql AS $function$
DECLARE
    next regclass := (built || '_next')::regclass;
    job record;
    made integer;
    reader record;
BEGIN
    FOR job IN
        SELECT jobs.* FROM timescaledb_information.jobs JOIN timescaledb_information.continuous_aggregates AS was
             ON was.view_name = built AND jobs.hypertable_name IN (built, was.materialization_hypertable_name)
        ORDER BY job_id
    LOOP
        CASE job.proc_name
        WHEN 'policy_refresh_continuous_aggregate' THEN
            made := add_continuous_aggregate_policy(next, start_offset => (job.config ->> 'start_offset')::interval,
                                                    end_offset => (job.config ->> 'end_offset')::interval,
                                                    schedule_interval => job.schedule_interval);
        WHEN 'policy_compression' THEN
            made := add_compression_policy(next, (job.config ->> 'compress_after')::interval);
        WHEN 'policy_retention' THEN
            made := add_retention_policy(next, (job.config ->> 'drop_after')::interval);
        ELSE
            RAISE WARNING 'job % (%) of % is not carried over', job.job_id, job.proc_name, built;
            CONTINUE;
        END CASE;
        PERFORM alter_job(made, schedule_interval => job.schedule_interval, max_runtime => job.max_runtime,
                          max_retries => job.max_retries, retry_period => job.retry_period, scheduled => job.scheduled,
                          next_start => nullif(job.next_start, '-infinity'));  -- it is running, or never ran
    END LOOP;
    FOR reader IN
        SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS name
        FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = built::regclass AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON %s TO %s', reader.privilege_type, next, reader.name);
    END LOOP;
    EXECUTE format('DROP MATERIALIZED VIEW %I', built);
    EXECUTE format('ALTER MATERIALIZED VIEW %s RENAME TO %I', next, built);
    PERFORM candles_describe(built, width);
END
$function$;

-- Gives the aggregates that are rebuilt what the old ones have, a day at a time, oldest first: bars are built from
-- minutes where those are kept, else they are carried over, of unknown scope. Then each takes its place.
CREATE OR REPLACE PROCEDURE candles_remake(kept_since timestamptz, settled timestamptz) LANGUAGE plpgsql AS $procedure$
DECLARE
    built text;
    width text;
    bars text;
    since timestamptz;
    whole boolean;
BEGIN
    FOR built, width IN VALUES ('candles_5m', '5 minutes'), ('candles_1h', '1 hour') LOOP
        SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) INTO bars
        FROM timescaledb_information.continuous_aggregates WHERE view_name = built || '_next';
        CONTINUE WHEN NOT FOUND;
        EXECUTE format('SELECT coalesce((SELECT max(ts) FROM %s), (SELECT min(ts) FROM %I))', bars, built) INTO since;
        since := date_bin('1 day', since, 'epoch');
        WHILE since < settled - interval '1 day' LOOP
            IF since >= kept_since THEN
                CALL refresh_continuous_aggregate((built || '_next')::regclass, since, since + interval '1 day');
            END IF;
            PERFORM pg_advisory_xact_lock(hashtext('market-data built'));
            EXECUTE format($carry$
                INSERT INTO %1$s (symbol, ts, open, high, low, close, volume, volume_scope)
                SELECT symbol, ts, open, high, low, close, volume, 'unknown'
                FROM %2$I AS was
                WHERE ts >= $1 AND ts < $1 + interval '1 day'
                  AND NOT EXISTS (SELECT FROM %1$s AS has WHERE has.ts >= $1 AND has.ts < $1 + interval '1 day'
                                                            AND (has.symbol, has.ts) = (was.symbol, was.ts))
            $carry$, bars, built) USING since;
            COMMIT;
            EXECUTE format('SELECT min(ts) FROM %I WHERE ts >= $1', built) INTO since USING since + interval '1 day';
            since := date_bin('1 day', since, 'epoch');
        END LOOP;
        -- What was carried over is read once something newer is built; where nothing is yet, it waits.
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %1$s) OR '
                       'EXISTS (SELECT FROM %2$I WHERE ts = (SELECT min(ts) FROM %1$s))', bars, built || '_next') INTO whole;
        CONTINUE WHEN NOT whole;
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('market-data built')), set_config('lock_timeout', '3s', true);
            PERFORM candles_take_over(built, width);
        EXCEPTION WHEN lock_not_available THEN
            RAISE WARNING '% is in use: the rebuilt one takes its place at the next turn', built;
        END;
        COMMIT;
    END LOOP;
END
$procedure$;

-- Builds what nobody else does. First the aggregates that are rebuilt: see candles_remake. Then what lies between the
-- newest bar that is built and a day ago: the scheduled refresh builds the last three days, but what is read trusts that
-- all before the newest built bar is built too. Then the buckets that late writes have noted, oldest first. Each refresh
-- is a transaction of its own, of a day at most; a note is removed when its buckets are built: after a kill they are
-- built again. Minutes that retention may have dropped are left alone: to rebuild a bar from what is gone would empty it.
CREATE OR REPLACE PROCEDURE candles_refresh(most integer DEFAULT 1000) LANGUAGE plpgsql AS $procedure$
DECLARE
    settled timestamptz := date_bin('1 hour', now() - interval '2 hours', 'epoch');
    kept_since timestamptz;
    built text;
    bars text;
    since timestamptz;
    taken bigint[];
    starts timestamptz[];
    ends timestamptz[];
BEGIN
    SELECT coalesce(max(now() - (config ->> 'drop_after')::interval + interval '1 day'), '-infinity') INTO kept_since
    FROM timescaledb_information.jobs
    WHERE proc_name = 'policy_retention' AND hypertable_name = 'candles_intraday'
      AND next_start IS DISTINCT FROM 'infinity';

    CALL candles_remake(kept_since, settled);

    FOREACH built IN ARRAY ARRAY['candles_5m', 'candles_1h'] LOOP
        SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) INTO bars
        FROM timescaledb_information.continuous_aggregates WHERE view_name = built;
        EXECUTE format('SELECT coalesce((SELECT max(ts) FROM %s),
                                        (SELECT min(ts) FROM candles_intraday WHERE interval = ''1m''))', bars) INTO since;
        CONTINUE WHEN since IS NULL;
        since := date_bin('1 hour', greatest(since, kept_since), 'epoch');
        WHILE since < settled - interval '1 day' LOOP
            CALL refresh_continuous_aggregate(built::regclass, since, since + interval '1 day');
            since := since + interval '1 day';
        END LOOP;
    END LOOP;

    SELECT array_agg(id) INTO taken FROM (SELECT id FROM candles_touched ORDER BY start_ts LIMIT most) AS first;
    SELECT array_agg(lower(span) ORDER BY span), array_agg(upper(span) ORDER BY span) INTO starts, ends
    FROM (SELECT range_agg(tstzrange(start_ts, end_ts)) AS all FROM candles_touched WHERE id = ANY (taken)) AS noted,
         generate_series(date_bin('1 day', lower(noted.all), 'epoch'), upper(noted.all), interval '1 day') AS midnight,
         unnest(noted.all * tstzmultirange(tstzrange(midnight, midnight + interval '1 day'))
                          * tstzmultirange(tstzrange(kept_since, settled))) AS span;
    FOR piece IN 1 .. coalesce(cardinality(starts), 0) LOOP
        FOR built IN SELECT view_name FROM timescaledb_information.continuous_aggregates
                     WHERE view_name IN ('candles_5m', 'candles_1h')
                        -- one that is rebuilt builds the newest day when it comes to it
                        OR view_name IN ('candles_5m_next', 'candles_1h_next') AND ends[piece] <= settled - interval '1 day'
                     ORDER BY view_name DESC
        LOOP
            IF built LIKE 'candles_5m%' THEN
                CALL refresh_continuous_aggregate(built::regclass, starts[piece], ends[piece]);
            ELSE
                CALL refresh_continuous_aggregate(built::regclass, date_bin('1 hour', starts[piece], 'epoch'),
                                                  date_bin('1 hour', ends[piece] + interval '55 minutes', 'epoch'));
            END IF;
        END LOOP;
        DELETE FROM candles_touched WHERE id = ANY (taken) AND end_ts <= ends[piece];
        COMMIT;
    END LOOP;
    DELETE FROM candles_touched WHERE id = ANY (taken);

    -- Scheduled work waits until the bars that were there when the chunks were made are built.
    PERFORM alter_job(job_id, next_start => now())
    FROM timescaledb_information.jobs
    WHERE next_start = 'infinity'
      AND (hypertable_name IN ('candles_intraday', 'candles_5m', 'candles_1h')
           OR hypertable_name IN (SELECT materialization_hypertable_name
                                  FROM timescaledb_information.continuous_aggregates
                                  WHERE view_name IN ('candles_5m', 'candles_1h')));
END
$procedure$;

FOR one IN
    SELECT built.*, was.materialization_hypertable_schema AS home, was.materialization_hypertable_name AS bars
    FROM (VALUES ('candles_5m', '5 minutes'), ('candles_1h', '1 hour')) AS built (name, width)
    JOIN timescaledb_information.continuous_aggregates AS was ON was.view_name = built.name
    ORDER BY built.name DESC
LOOP
    DECLARE
        empty boolean;
    BEGIN
        PERFORM candles_make_next(one.name, one.width);
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %I.%I)', one.home, one.bars) INTO empty;
        IF empty THEN
            PERFORM candles_take_over(one.name, one.width);
        END IF;
    END;
END LOOP;

INSERT INTO schema_version (part, version) VALUES ('timescaledb', '0.2.0');
END
$step$;

-- 0.3.0: bars are built only of minutes that are all there, and what bars were before is compressed and dropped.
DO $step$
BEGIN
IF EXISTS (SELECT FROM schema_version WHERE (part, version) = ('timescaledb', '0.3.0')) THEN
    RETURN;
END IF;
PERFORM schema_lock('candle_revisions');

-- The chunks of minutes that candles_refresh has seen. Where one of them is gone, whoever dropped it, what was built of its
-- minutes stays as it is, also when a late bar makes another chunk there.
CREATE TABLE candles_chunks (
    chunk    text PRIMARY KEY,
    start_ts timestamptz NOT NULL,
    end_ts   timestamptz NOT NULL,             -- exclusive
    dropped  boolean NOT NULL DEFAULT false
);

-- Notes the chunks that are new, and those that are gone: not where it was merged into another one that was known.
CREATE FUNCTION candles_note_chunks() RETURNS void LANGUAGE sql AS $function$
    WITH present AS MATERIALIZED (
        SELECT chunk_name::text AS chunk, range_start AS start_ts, range_end AS end_ts
        FROM timescaledb_information.chunks
        WHERE hypertable_name = 'candles_intraday'
    ), gone AS (
        UPDATE candles_chunks AS known
        SET dropped = true
        WHERE NOT dropped AND NOT EXISTS (
            SELECT FROM present JOIN candles_chunks AS before USING (chunk)
            WHERE present.start_ts <= known.start_ts AND present.end_ts >= known.end_ts)
    )
    INSERT INTO candles_chunks (chunk, start_ts, end_ts)
    SELECT chunk, start_ts, end_ts FROM present
    ON CONFLICT (chunk) DO NOTHING
$function$;

-- Since when retention leaves minutes alone: a whole hour, a day after what it may drop; NULL where it drops nothing.
CREATE FUNCTION candles_kept_since() RETURNS timestamptz LANGUAGE sql STABLE AS $function$
    SELECT date_bin('1 hour', max(now() - (config ->> 'drop_after')::interval) + interval '25 hours', 'epoch')
    FROM timescaledb_information.jobs
    WHERE proc_name = 'policy_retention' AND hypertable_name = 'candles_intraday' AND scheduled
      AND next_start IS DISTINCT FROM 'infinity'
$function$;

-- The time whose minutes are all there, in whole hours: not what retention may drop, nor a chunk that was dropped.
CREATE FUNCTION candles_buildable() RETURNS tstzmultirange LANGUAGE sql STABLE AS $function$
    SELECT tstzmultirange(tstzrange(candles_kept_since(), date_bin('1 hour', now() - interval '2 hours', 'epoch')))
         - coalesce((SELECT range_agg(tstzrange(date_bin('1 hour', start_ts, 'epoch'),
                                                date_bin('1 hour', end_ts + interval '59 minutes 59.999999 seconds', 'epoch')))
                     FROM candles_chunks WHERE dropped), '{}')
$function$;

-- Builds what is buildable of the buckets that overlap [since, until): a bucket that is only partly in it is built whole.
CREATE PROCEDURE candles_build(built text, since timestamptz, until timestamptz) LANGUAGE plpgsql AS $procedure$
DECLARE
    width interval := CASE WHEN built LIKE 'candles_5m%' THEN interval '5 minutes' ELSE interval '1 hour' END;
    starts timestamptz[];
    ends timestamptz[];
BEGIN
    PERFORM candles_note_chunks();
    SELECT array_agg(lower(span)), array_agg(upper(span)) INTO starts, ends
    FROM unnest(candles_buildable()
                * tstzmultirange(tstzrange(date_bin(width, since, 'epoch'),
                                           date_bin(width, until + width - interval '1 microsecond', 'epoch')))) AS span;
    COMMIT;
    FOR piece IN 1 .. coalesce(cardinality(starts), 0) LOOP
        CALL refresh_continuous_aggregate(built::regclass, starts[piece], ends[piece]);
    END LOOP;
END
$procedure$;

-- As before, of what candles_build builds: it may be asked for any time. Where another refresh of the same bars is under way
-- TimescaleDB ends it with an error (55P03); what was built until then stays, and the notes that are left too.
CREATE OR REPLACE PROCEDURE candles_refresh(most integer DEFAULT 1000) LANGUAGE plpgsql AS $procedure$
DECLARE
    settled timestamptz := date_bin('1 hour', now() - interval '2 hours', 'epoch');
    built text;
    bars text;
    since timestamptz;
    taken bigint[];
    starts timestamptz[];
    ends timestamptz[];
BEGIN
    CALL candles_remake(coalesce(candles_kept_since(), '-infinity'), settled);

    FOREACH built IN ARRAY ARRAY['candles_5m', 'candles_1h'] LOOP
        SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) INTO bars
        FROM timescaledb_information.continuous_aggregates WHERE view_name = built;
        EXECUTE format('SELECT coalesce((SELECT max(ts) FROM %s),
                                        (SELECT min(ts) FROM candles_intraday WHERE interval = ''1m''))', bars) INTO since;
        CONTINUE WHEN since IS NULL;
        since := date_bin('1 hour', greatest(since, candles_kept_since()), 'epoch');
        WHILE since < settled - interval '1 day' LOOP
            CALL candles_build(built, since, since + interval '1 day');
            since := since + interval '1 day';
        END LOOP;
    END LOOP;

    SELECT array_agg(id) INTO taken FROM (SELECT id FROM candles_touched ORDER BY start_ts LIMIT most) AS first;
    SELECT array_agg(lower(span) ORDER BY span), array_agg(upper(span) ORDER BY span) INTO starts, ends
    FROM (SELECT range_agg(tstzrange(start_ts, end_ts)) AS all FROM candles_touched WHERE id = ANY (taken)) AS noted,
         generate_series(date_bin('1 day', lower(noted.all), 'epoch'), upper(noted.all), interval '1 day') AS midnight,
         unnest(noted.all * tstzmultirange(tstzrange(midnight, midnight + interval '1 day'))
                          * tstzmultirange(tstzrange(candles_kept_since(), settled))) AS span;
    FOR piece IN 1 .. coalesce(cardinality(starts), 0) LOOP
        FOR built IN SELECT view_name FROM timescaledb_information.continuous_aggregates
                     WHERE view_name IN ('candles_5m', 'candles_1h')
                        -- one that is rebuilt builds the newest day when it comes to it
                        OR view_name IN ('candles_5m_next', 'candles_1h_next') AND ends[piece] <= settled - interval '1 day'
                     ORDER BY view_name DESC
        LOOP
            CALL candles_build(built, starts[piece], ends[piece]);
        END LOOP;
        DELETE FROM candles_touched WHERE id = ANY (taken) AND end_ts <= ends[piece];
        COMMIT;
    END LOOP;
    DELETE FROM candles_touched WHERE id = ANY (taken);

    -- Scheduled work waits until the bars that were there when the chunks were made are built.
    PERFORM alter_job(job_id, next_start => now())
    FROM timescaledb_information.jobs
    WHERE next_start = 'infinity'
      AND (hypertable_name IN ('candles_intraday', 'candles_5m', 'candles_1h')
           OR hypertable_name IN (SELECT materialization_hypertable_name
                                  FROM timescaledb_information.continuous_aggregates
                                  WHERE view_name IN ('candles_5m', 'candles_1h')));
END
$procedure$;

-- Days of which bars were built and no chunk is left: an operator, or retention, has dropped them before this step.
DO $$
DECLARE
    bars text;
BEGIN
    SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) INTO bars
    FROM timescaledb_information.continuous_aggregates WHERE view_name = 'candles_1h';
    EXECUTE format($days$
        INSERT INTO candles_chunks (chunk, start_ts, end_ts, dropped)
        SELECT 'dropped before 0.3.0: ' || (day AT TIME ZONE 'UTC')::date, day, day + interval '1 day', true
        FROM (SELECT date_bin('1 day', min(ts), 'epoch') AS first FROM %1$s) AS built,
             generate_series(built.first, now(), interval '1 day') AS day
        WHERE EXISTS (SELECT FROM %1$s WHERE ts >= day AND ts < day + interval '1 day')
          AND NOT EXISTS (SELECT FROM timescaledb_information.chunks
                          WHERE hypertable_name = 'candles_intraday'
                            AND range_start < day + interval '1 day' AND range_end > day)
    $days$, bars);
    PERFORM candles_note_chunks();
END
$$;

-- What bars were before comes in the order in which it is superseded: a chunk is complete when its week is over. So long as
-- a moment of `as_of` is within the retention, all that was known then is there.
ALTER TABLE candle_revisions DROP CONSTRAINT candle_revisions_pkey;
ALTER TABLE candle_revisions ADD PRIMARY KEY (symbol, interval, ts, adjustment, revision, as_of, superseded_at);
PERFORM create_hypertable('candle_revisions', 'superseded_at', chunk_time_interval => interval '7 days',
                          create_default_indexes => false, migrate_data => true);
ALTER TABLE candle_revisions SET (timescaledb.compress, timescaledb.compress_segmentby = 'symbol, interval',
                                  timescaledb.compress_orderby = 'ts, adjustment, revision, as_of, superseded_at');
PERFORM add_compression_policy('candle_revisions', interval '14 days');
PERFORM add_retention_policy('candle_revisions', interval '3650 days');

-- What the service has set each retention policy to, in days (0: it is not scheduled). A policy that says something else
-- was changed by an operator: the service leaves it alone.
CREATE TABLE retention_set (
    hypertable text PRIMARY KEY,
    days       double precision NOT NULL
);
INSERT INTO retention_set VALUES ('candles_intraday', 365), ('quotes_l1', 14), ('candle_revisions', 3650);

INSERT INTO schema_version (part, version) VALUES ('timescaledb', '0.3.0');
END
$step$;

COMMIT;

-- Last: what is there is built, and what is scheduled begins. This cannot be part of a transaction; `market-data migrate`
-- does it after this file, and the service in the background: where it is at it, nothing is left to do here.
SET client_min_messages = warning;
SELECT pg_try_advisory_lock(hashtext('market-data refresh')) AS free \gset
\if :free
    CALL candles_refresh();
    SELECT pg_advisory_unlock(hashtext('market-data refresh')) AS free \gset
\endif
RESET client_min_messages;
