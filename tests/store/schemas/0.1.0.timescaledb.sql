-- The tables of the market data service on TimescaleDB 2.x: all that 20251008_market_data_core.sql makes (it lies beside
-- this file and is applied first), with bars of minutes in compressed chunks of a day, and bars of 5m and 1h built of them.
-- Apply with `psql -f` or `market-data migrate`, to an empty database or to one whose plain tables hold bars; applying it
-- again changes nothing, and what was interrupted goes on. What it does, and why, is told in docs/storage.md.

\ir 20251008_market_data_core.sql

BEGIN;

SELECT pg_advisory_xact_lock(hashtext('market-data migration'));
SET LOCAL client_min_messages = warning;

-- An extension belongs to one database: created as the superuser in another one, it is not in this. The owner may.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS timescaledb;
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
    RAISE EXCEPTION 'this database has no TimescaleDB: %', SQLERRM
        USING HINT = 'Let a superuser run CREATE EXTENSION timescaledb in it, or leave it at the core migration.';
END
$$;

-- Builds what nobody else does. First what lies between the newest bar that is built and a day ago: the scheduled
-- refresh builds the last three days, but what is read trusts that all before the newest built bar is built too. Then the
-- buckets that late writes have noted, oldest first. Each refresh is a transaction of its own, of a day at most; a note is
-- removed when its buckets are built: after a kill they are built again. Minutes that retention may have dropped are left
-- alone: to build a bar anew of what is gone would empty it.
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

COMMIT;

-- Last: what is there is built, and what is scheduled begins. This cannot be part of a transaction; `market-data migrate`
-- does it after this file, and the service in the background.
SET client_min_messages = warning;
CALL candles_refresh();
RESET client_min_messages;
