-- A database of version 0.2.0 (commit a07b458) with some rows in every table:
-- pg_dump --inserts --rows-per-insert=100 --no-owner --no-privileges, without SET, comments and psql's commands;
-- the condition of universe_remember_changed as the migration writes it, which pg_dump takes apart.

CREATE FUNCTION public.candles_describe(view_name text, width text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    about text;
    words text;
BEGIN
    FOR about, words IN VALUES
        ('VIEW %I', format('Bars of %s of the clock, built from 1m bars whatever their status.', width)),
        ('COLUMN %I.ts', format('When the bar opens: at multiples of %s since 00:00 UTC, not since the open of the '
                                'session; the API has the same bars with anchor=clock.', width)),
        ('COLUMN %I.volume', 'NULL where the minutes have different volume scopes: those volumes have no sum.'),
        ('COLUMN %I.volume_scope', 'Of all minutes of the bar; mixed where they differ.')
    LOOP
        EXECUTE format('COMMENT ON ' || about || ' IS %L', view_name, words);
    END LOOP;
END
$$;

CREATE FUNCTION public.candles_rename_built(former text, new text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    built text;
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM pg_advisory_xact_lock(hashtext('market-data built'));
        FOR built IN
            SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
            FROM timescaledb_information.continuous_aggregates
            WHERE view_name IN ('candles_5m', 'candles_1h', 'candles_5m_next', 'candles_1h_next')
        LOOP
            EXECUTE format('UPDATE %s SET symbol = $2 WHERE symbol = $1', built) USING former, new;
        END LOOP;
    END IF;
END
$_$;

CREATE FUNCTION public.cursor_remember() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    last record;
BEGIN
    SELECT * INTO last FROM cursor_history
    WHERE symbol = NEW.symbol AND interval = NEW.interval ORDER BY known_at DESC LIMIT 1;
    IF last.through >= NEW.through THEN
        RETURN NULL;
    END IF;
    INSERT INTO cursor_history AS known (symbol, interval, known_at, through)
    VALUES (NEW.symbol, NEW.interval, greatest(coalesce(NEW.known_at, clock_timestamp()), last.known_at), NEW.through)
    ON CONFLICT (symbol, interval, known_at) DO UPDATE SET through = EXCLUDED.through;
    RETURN NULL;
END
$$;

CREATE FUNCTION public.schema_lock(VARIADIC tables text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    allowed text := current_setting('lock_timeout');
    began timestamptz := clock_timestamp();
    one regclass;
    users text;
BEGIN
    FOR one IN SELECT to_regclass(name) FROM unnest(tables) AS name WHERE to_regclass(name) IS NOT NULL LOOP
        PERFORM set_config('lock_timeout',
                           greatest(1, ceil(extract(epoch FROM began + allowed::interval - clock_timestamp()) * 1000))::text, true);
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', one);
    END LOOP;
    PERFORM set_config('lock_timeout', allowed, true);
EXCEPTION WHEN lock_not_available THEN
    SELECT string_agg(format('process %s of %s%s%s', pid, usename, ' (' || nullif(application_name, '') || ')',
                             ', in a transaction since ' || date_trunc('second', xact_start)), '; ')
    INTO users
    FROM pg_stat_activity
    WHERE coalesce(xact_start < began, true) -- later ones waited behind this
      AND pid IN (SELECT pid FROM pg_locks
                  WHERE relation = one AND granted AND pid <> pg_backend_pid()
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()));
    RAISE EXCEPTION 'a migration has to change the table % and did not get it within %: it is used by %', one, allowed,
                    coalesce(users, 'another session')
        USING ERRCODE = 'lock_not_available',
              HINT = 'Nothing was changed. A dump, an export or an open transaction holds its tables until it ends: run '
                     '`market-data migrate`, or the file, again then.';
END
$$;

CREATE FUNCTION public.universe_remember() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE universe_history SET valid_to = moment WHERE symbol = OLD.symbol AND valid_to = 'infinity';
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO universe_history (symbol, valid_from, exchange, asset_type, adv_21d, mkt_cap, tier, pinned,
                                      active, listed, delisted)
        VALUES (NEW.symbol, moment, NEW.exchange, NEW.asset_type, NEW.adv_21d, NEW.mkt_cap, NEW.tier, NEW.pinned,
                NEW.active, NEW.listed, NEW.delisted);
    END IF;
    RETURN NULL;
END
$$;

CREATE TABLE public.backfill_jobs (
    id bigint NOT NULL,
    symbol text NOT NULL,
    "interval" text NOT NULL,
    start_ts timestamp with time zone NOT NULL,
    end_ts timestamp with time zone NOT NULL,
    tier text NOT NULL,
    status text DEFAULT 'queued'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    lease_owner text,
    lease_until timestamp with time zone,
    last_error text,
    answers jsonb DEFAULT '[]'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    settled_at timestamp with time zone,
    restated_by text,
    reason text DEFAULT 'gap'::text NOT NULL,
    forced boolean DEFAULT false NOT NULL,
    postponed integer DEFAULT 0 NOT NULL,
    CONSTRAINT backfill_jobs_check CHECK ((start_ts < end_ts)),
    CONSTRAINT backfill_jobs_reason_check CHECK ((reason = ANY (ARRAY['gap'::text, 'look'::text, 'recheck'::text, 'operator'::text]))),
    CONSTRAINT backfill_jobs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'dead'::text]))),
    CONSTRAINT backfill_jobs_tier_check CHECK ((tier = ANY (ARRAY['T0'::text, 'T1'::text, 'T2'::text])))
);

ALTER TABLE public.backfill_jobs ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.backfill_jobs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.calendar_changes (
    id bigint NOT NULL,
    calendar text NOT NULL,
    day date NOT NULL,
    closes timestamp with time zone,
    reason text NOT NULL,
    learned_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    revoked_at timestamp with time zone
);

ALTER TABLE public.calendar_changes ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.calendar_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.candle_revisions (
    symbol text NOT NULL,
    "interval" text NOT NULL,
    ts timestamp with time zone NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision NOT NULL,
    provider text NOT NULL,
    as_of timestamp with time zone NOT NULL,
    superseded_at timestamp with time zone NOT NULL,
    status text NOT NULL,
    revision integer NOT NULL,
    adjustment text NOT NULL,
    volume_scope text NOT NULL,
    factor double precision
);

CREATE TABLE public.candles_intraday (
    symbol text NOT NULL,
    "interval" text NOT NULL,
    ts timestamp with time zone NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision NOT NULL,
    provider text NOT NULL,
    as_of timestamp with time zone DEFAULT now() NOT NULL,
    status text DEFAULT 'final'::text NOT NULL,
    revision integer DEFAULT 0 NOT NULL,
    adjustment text DEFAULT 'raw'::text NOT NULL,
    volume_scope text DEFAULT 'unknown'::text NOT NULL,
    factor double precision,
    CONSTRAINT candles_intraday_adjustment_check CHECK ((adjustment = ANY (ARRAY['raw'::text, 'split'::text, 'all'::text]))),
    CONSTRAINT candles_intraday_interval_check CHECK (("interval" = ANY (ARRAY['1m'::text, '5m'::text, '15m'::text, '1h'::text]))),
    CONSTRAINT candles_intraday_status_check CHECK ((status = ANY (ARRAY['partial'::text, 'final'::text, 'corrected'::text]))),
    CONSTRAINT candles_intraday_volume_scope_check CHECK ((volume_scope = ANY (ARRAY['consolidated'::text, 'venue'::text, 'unknown'::text])))
);

CREATE VIEW public.candles_1h AS
 SELECT symbol,
    date_bin('01:00:00'::interval, ts, '1970-01-01 00:00:00+00'::timestamp with time zone) AS ts,
    (array_agg(open ORDER BY candles_intraday.ts))[1] AS open,
    max(high) AS high,
    min(low) AS low,
    (array_agg(close ORDER BY candles_intraday.ts DESC))[1] AS close,
        CASE
            WHEN (min(volume_scope) = max(volume_scope)) THEN sum(volume ORDER BY candles_intraday.ts)
            ELSE NULL::double precision
        END AS volume,
        CASE
            WHEN (min(volume_scope) = max(volume_scope)) THEN min(volume_scope)
            ELSE 'mixed'::text
        END AS volume_scope
   FROM public.candles_intraday
  WHERE ("interval" = '1m'::text)
  GROUP BY symbol, (date_bin('01:00:00'::interval, ts, '1970-01-01 00:00:00+00'::timestamp with time zone));

COMMENT ON VIEW public.candles_1h IS 'Bars of 1 hour of the clock, built from 1m bars whatever their status.';

COMMENT ON COLUMN public.candles_1h.ts IS 'When the bar opens: at multiples of 1 hour since 00:00 UTC, not since the open of the session; the API has the same bars with anchor=clock.';

COMMENT ON COLUMN public.candles_1h.volume IS 'NULL where the minutes have different volume scopes: those volumes have no sum.';

COMMENT ON COLUMN public.candles_1h.volume_scope IS 'Of all minutes of the bar; mixed where they differ.';

CREATE VIEW public.candles_5m AS
 SELECT symbol,
    date_bin('00:05:00'::interval, ts, '1970-01-01 00:00:00+00'::timestamp with time zone) AS ts,
    (array_agg(open ORDER BY candles_intraday.ts))[1] AS open,
    max(high) AS high,
    min(low) AS low,
    (array_agg(close ORDER BY candles_intraday.ts DESC))[1] AS close,
        CASE
            WHEN (min(volume_scope) = max(volume_scope)) THEN sum(volume ORDER BY candles_intraday.ts)
            ELSE NULL::double precision
        END AS volume,
        CASE
            WHEN (min(volume_scope) = max(volume_scope)) THEN min(volume_scope)
            ELSE 'mixed'::text
        END AS volume_scope
   FROM public.candles_intraday
  WHERE ("interval" = '1m'::text)
  GROUP BY symbol, (date_bin('00:05:00'::interval, ts, '1970-01-01 00:00:00+00'::timestamp with time zone));

COMMENT ON VIEW public.candles_5m IS 'Bars of 5 minutes of the clock, built from 1m bars whatever their status.';

COMMENT ON COLUMN public.candles_5m.ts IS 'When the bar opens: at multiples of 5 minutes since 00:00 UTC, not since the open of the session; the API has the same bars with anchor=clock.';

COMMENT ON COLUMN public.candles_5m.volume IS 'NULL where the minutes have different volume scopes: those volumes have no sum.';

COMMENT ON COLUMN public.candles_5m.volume_scope IS 'Of all minutes of the bar; mixed where they differ.';

CREATE TABLE public.candles_daily (
    symbol text NOT NULL,
    "interval" text DEFAULT '1d'::text NOT NULL,
    ts timestamp with time zone NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision NOT NULL,
    provider text NOT NULL,
    as_of timestamp with time zone DEFAULT now() NOT NULL,
    status text DEFAULT 'final'::text NOT NULL,
    revision integer DEFAULT 0 NOT NULL,
    adjustment text DEFAULT 'raw'::text NOT NULL,
    volume_scope text DEFAULT 'unknown'::text NOT NULL,
    factor double precision,
    CONSTRAINT candles_daily_adjustment_check CHECK ((adjustment = ANY (ARRAY['raw'::text, 'split'::text, 'all'::text]))),
    CONSTRAINT candles_daily_interval_check CHECK (("interval" = '1d'::text)),
    CONSTRAINT candles_daily_status_check CHECK ((status = ANY (ARRAY['partial'::text, 'final'::text, 'corrected'::text]))),
    CONSTRAINT candles_daily_volume_scope_check CHECK ((volume_scope = ANY (ARRAY['consolidated'::text, 'venue'::text, 'unknown'::text])))
);

CREATE TABLE public.candles_touched (
    id bigint NOT NULL,
    start_ts timestamp with time zone NOT NULL,
    end_ts timestamp with time zone NOT NULL,
    touched_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT candles_touched_check CHECK ((start_ts < end_ts))
);

ALTER TABLE public.candles_touched ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.candles_touched_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.cursor_history (
    symbol text NOT NULL,
    "interval" text NOT NULL,
    known_at timestamp with time zone NOT NULL,
    through timestamp with time zone NOT NULL
);

CREATE TABLE public.ingestion_cursor (
    symbol text NOT NULL,
    "interval" text NOT NULL,
    source text NOT NULL,
    through timestamp with time zone NOT NULL,
    last_bar timestamp with time zone,
    asked_at timestamp with time zone NOT NULL,
    known_at timestamp with time zone
);

CREATE TABLE public.known_splits (
    symbol text NOT NULL,
    effective timestamp with time zone NOT NULL,
    provider text NOT NULL,
    ratio double precision NOT NULL,
    known_at timestamp with time zone NOT NULL,
    CONSTRAINT known_splits_ratio_check CHECK ((ratio > (0)::double precision))
);

CREATE TABLE public.provider_delays (
    provider text NOT NULL,
    exchange text NOT NULL,
    "interval" text NOT NULL,
    seconds double precision NOT NULL,
    newest timestamp with time zone NOT NULL,
    learned_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.quarantined_bars (
    id bigint NOT NULL,
    symbol text NOT NULL,
    "interval" text NOT NULL,
    ts timestamp with time zone NOT NULL,
    provider text NOT NULL,
    adjustment text NOT NULL,
    volume_scope text NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision NOT NULL,
    reason text NOT NULL,
    contradicted boolean DEFAULT false NOT NULL,
    evidence text NOT NULL,
    first_received timestamp with time zone NOT NULL,
    last_received timestamp with time zone NOT NULL,
    times bigint DEFAULT 1 NOT NULL,
    looks integer DEFAULT 0 NOT NULL,
    look_at timestamp with time zone,
    decision text,
    decided_by text,
    decided_at timestamp with time zone,
    decided_why text,
    CONSTRAINT quarantined_bars_decision_check CHECK ((decision = ANY (ARRAY['accepted'::text, 'rejected'::text])))
);

ALTER TABLE public.quarantined_bars ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.quarantined_bars_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.quotes_l1 (
    symbol text NOT NULL,
    ts timestamp with time zone NOT NULL,
    provider text NOT NULL,
    price double precision NOT NULL,
    bid double precision,
    ask double precision,
    bid_size double precision,
    ask_size double precision,
    volume double precision,
    as_of timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.rechecks (
    symbol text NOT NULL,
    "interval" text NOT NULL,
    sessions integer NOT NULL,
    through timestamp with time zone NOT NULL
);

CREATE TABLE public.rejected_bars (
    symbol text NOT NULL,
    "interval" text NOT NULL,
    ts timestamp with time zone NOT NULL,
    provider text NOT NULL,
    reason text NOT NULL,
    open double precision,
    high double precision,
    low double precision,
    close double precision,
    volume double precision,
    first_told timestamp with time zone NOT NULL,
    last_told timestamp with time zone NOT NULL,
    times bigint DEFAULT 1 NOT NULL
);

CREATE TABLE public.schema_version (
    part text NOT NULL,
    version text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.series_heads (
    symbol text NOT NULL,
    "interval" text NOT NULL,
    as_of timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE public.split_checks (
    symbol text NOT NULL,
    provider text NOT NULL,
    since timestamp with time zone NOT NULL,
    through timestamp with time zone NOT NULL,
    checked_at timestamp with time zone NOT NULL
);

CREATE TABLE public.symbol_renames (
    former text NOT NULL,
    symbol text NOT NULL,
    renamed timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.symbol_universe (
    symbol text NOT NULL,
    exchange text NOT NULL,
    asset_type text DEFAULT 'equity'::text NOT NULL,
    adv_21d numeric,
    mkt_cap numeric,
    tier text DEFAULT 'T2'::text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    listed date,
    delisted date,
    pinned boolean DEFAULT false NOT NULL,
    CONSTRAINT symbol_universe_asset_type_check CHECK ((asset_type = ANY (ARRAY['equity'::text, 'etf'::text, 'index'::text, 'crypto'::text]))),
    CONSTRAINT symbol_universe_tier_check CHECK ((tier = ANY (ARRAY['T0'::text, 'T1'::text, 'T2'::text])))
);

CREATE TABLE public.universe_history (
    symbol text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone DEFAULT 'infinity'::timestamp with time zone NOT NULL,
    exchange text NOT NULL,
    asset_type text NOT NULL,
    adv_21d numeric,
    mkt_cap numeric,
    tier text NOT NULL,
    pinned boolean NOT NULL,
    active boolean NOT NULL,
    listed date,
    delisted date
);

CREATE TABLE public.universe_versions (
    version_tag text NOT NULL,
    source_meta jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    content_hash text,
    members integer
);

CREATE TABLE public.vacancies (
    symbol text NOT NULL,
    "interval" text NOT NULL,
    start_ts timestamp with time zone NOT NULL,
    end_ts timestamp with time zone NOT NULL,
    providers text[] NOT NULL,
    as_of timestamp with time zone DEFAULT now() NOT NULL,
    confirmed boolean DEFAULT false NOT NULL,
    newer boolean DEFAULT false NOT NULL,
    looks integer DEFAULT 0 NOT NULL,
    look_at timestamp with time zone DEFAULT now(),
    first_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT vacancies_check CHECK ((start_ts < end_ts))
);

INSERT INTO public.backfill_jobs VALUES
	(1, 'AAPL', '1m', '2026-01-02 14:30:00+00', '2026-01-02 21:00:00+00', 'T0', 'queued', 0, '2026-01-05 15:00:00+00', NULL, NULL, NULL, '[]', '2026-01-05 15:00:00+00', NULL, NULL, 'gap', false, 0),
	(2, 'AAPL', '1d', '2025-01-01 00:00:00+00', '2026-01-01 00:00:00+00', 'T0', 'done', 1, '2026-01-05 15:00:00+00', NULL, NULL, NULL, '[{"code": "ok", "detail": "250 bars", "provider": "tiingo"}]', '2026-01-05 15:00:00+00', '2026-01-05 15:01:00+00', 'tiingo', 'gap', false, 0),
	(3, 'BTC-USD', '1m', '2026-01-01 00:00:00+00', '2026-01-02 00:00:00+00', 'T2', 'dead', 8, '2026-01-05 15:00:00+00', NULL, NULL, 'nobody has it', '[{"code": "unsupported", "detail": "too old", "provider": "kraken"}]', '2026-01-05 15:00:00+00', '2026-01-06 00:00:00+00', NULL, 'gap', false, 0),
	(4, 'BTC-USD', '1m', '2026-01-03 00:00:00+00', '2026-01-04 00:00:00+00', 'T2', 'running', 1, '2026-01-05 15:00:00+00', 'host-1-abcd', '2026-01-05 15:05:00+00', NULL, '[]', '2026-01-05 15:00:00+00', NULL, NULL, 'gap', false, 0),
	(5, 'MSFT', '1m', '2026-11-30 15:00:00+00', '2026-11-30 15:10:00+00', 'T1', 'queued', 0, '2999-01-01 00:00:00+00', NULL, NULL, NULL, '[]', '2026-11-30 19:40:48.83631+00', NULL, NULL, 'look', false, 3),
	(6, 'MSFT', '1m', '2026-11-27 15:00:00+00', '2026-11-27 15:10:00+00', 'T1', 'queued', 0, '2026-11-30 15:00:00+00', NULL, NULL, NULL, '[]', '2026-11-30 19:40:48.83631+00', NULL, NULL, 'recheck', false, 0);

INSERT INTO public.calendar_changes VALUES
	(1, 'XNYS', '2026-12-09', NULL, 'a day of mourning', '2026-11-30 15:00:00+00', NULL);

INSERT INTO public.candle_revisions VALUES
	('AAPL', '1m', '2026-01-05 14:31:00+00', 250.25, 251, 250.2, 250.7, 9870, 'yahoo', '2026-01-05 14:33:00+00', '2026-01-05 14:40:00+00', 'final', 1, 'raw', 'unknown', NULL),
	('AAPL', '1m', '2026-01-05 14:31:00+00', 250.25, 250.9, 250.2, 250.6, 9000, 'yahoo', '2026-01-05 14:32:00+00', '2026-01-05 14:33:00+00', 'partial', 0, 'raw', 'unknown', NULL);

INSERT INTO public.candles_daily VALUES
	('AAPL', '1d', '2026-01-02 00:00:00+00', 248, 252, 247.5, 250, 51000000, 'yahoo', '2026-01-03 00:00:00+00', 'final', 0, 'split', 'consolidated', NULL),
	('AAPL', '1d', '2026-01-02 00:00:00+00', 248, 252, 247.5, 250, 51000000, 'tiingo', '2026-01-03 00:00:00+00', 'final', 0, 'raw', 'consolidated', NULL);

INSERT INTO public.candles_intraday VALUES
	('AAPL', '1m', '2026-01-05 14:30:00+00', 250.1, 250.5, 249.9, 250.25, 12345, 'alpaca', '2026-01-05 14:31:02.5+00', 'final', 0, 'raw', 'consolidated', NULL),
	('AAPL', '1m', '2026-01-05 14:31:00+00', 250.25, 251, 250.2, 250.75, 9876, 'yahoo', '2026-01-05 14:40:00+00', 'corrected', 2, 'raw', 'unknown', NULL),
	('AAPL', '1m', '2026-01-05 14:32:00+00', 250.75, 250.8, 250.6, 250.7, 500, 'yahoo', '2026-01-05 14:32:30+00', 'partial', 0, 'raw', 'unknown', NULL),
	('BTC-USD', '1m', '2026-01-05 00:00:00+00', 91000.01, 91010, 90990.5, 91005.25, 1.25, 'binance', '2026-01-05 00:01:01+00', 'final', 0, 'raw', 'venue', NULL),
	('AAPL', '15m', '2026-01-05 14:30:00+00', 250.1, 251, 249.9, 250.7, 22721, 'tiingo', '2026-01-05 15:00:00+00', 'final', 0, 'raw', 'unknown', NULL);

INSERT INTO public.candles_touched OVERRIDING SYSTEM VALUE VALUES
	(1, '2026-01-02 14:30:00+00', '2026-01-02 14:35:00+00', '2026-01-05 15:00:00+00');

INSERT INTO public.cursor_history VALUES
	('AAPL', '1m', '2026-11-30 19:40:48.777125+00', '2026-01-05 14:32:00+00');

INSERT INTO public.ingestion_cursor VALUES
	('AAPL', '1m', 'yahoo', '2026-01-05 14:32:00+00', '2026-01-05 14:31:00+00', '2026-01-05 14:40:00+00', NULL),
	('AAPL', '1d', 'tiingo', '2026-01-03 00:00:00+00', NULL, '2026-01-03 12:00:00+00', NULL);

INSERT INTO public.known_splits VALUES
	('AAPL', '2020-08-31 00:00:00+00', 'yahoo', 4, '2026-11-30 15:00:00+00');

INSERT INTO public.provider_delays VALUES
	('yahoo', 'XNYS', '1m', 63.5, '2026-11-30 15:00:00+00', '2026-11-30 15:02:00+00');

INSERT INTO public.quarantined_bars VALUES
	(1, 'AAPL', '1m', '2026-11-30 15:01:00+00', 'yahoo', 'raw', 'unknown', 1, 1, 1, 1, 10, 'jump', false, 'it closes 99 % below the bar before', '2026-11-30 15:02:00+00', '2026-11-30 15:02:00+00', 1, 0, '2026-11-30 15:17:00+00', NULL, NULL, NULL, NULL);

INSERT INTO public.quotes_l1 VALUES
	('AAPL', '2026-01-05 14:30:01+00', 'finnhub', 250.12, 250.1, 250.14, 1, 2, NULL, '2026-01-05 14:30:02+00');

INSERT INTO public.rechecks VALUES
	('AAPL', '1m', 5, '2026-11-20 00:00:00+00');

INSERT INTO public.rejected_bars VALUES
	('AAPL', '1m', '2026-01-05 14:33:00+00', 'yahoo', 'high below low', 1, 0.5, 2, 1, 10, '2026-01-05 14:34:00+00', '2026-01-05 14:36:00+00', 3);

INSERT INTO public.schema_version VALUES
	('core', '0.1.0', '2026-11-30 19:40:48.777125+00'),
	('core', '0.2.0', '2026-11-30 19:40:48.777125+00');

INSERT INTO public.series_heads VALUES
	('AAPL', '1m', '2026-01-05 14:40:00+00'),
	('BTC-USD', '1m', '2026-01-05 00:01:01+00');

INSERT INTO public.split_checks VALUES
	('AAPL', 'yahoo', '2016-01-01 00:00:00+00', '2026-11-30 00:00:00+00', '2026-11-30 15:00:00+00');

INSERT INTO public.symbol_renames VALUES
	('FB', 'META', '2022-06-09 00:00:00+00');

INSERT INTO public.symbol_universe VALUES
	('AAPL', 'NASDAQ', 'equity', 50000000, 3000000000000, 'T0', true, '2026-01-05 00:00:00+00', '2026-01-05 00:00:00+00', '1980-12-12', NULL, true),
	('BTC-USD', 'BINANCE', 'crypto', NULL, NULL, 'T2', false, '2026-01-05 00:00:00+00', '2026-01-05 00:00:00+00', NULL, NULL, false);

INSERT INTO public.universe_history VALUES
	('AAPL', '2026-01-05 00:00:01+00', 'infinity', 'NASDAQ', 'equity', 50000000, 3000000000000, 'T0', true, true, '1980-12-12', NULL),
	('BTC-USD', '2026-01-05 00:00:02+00', '2026-02-01 00:00:00+00', 'BINANCE', 'crypto', NULL, NULL, 'T1', false, true, NULL, NULL),
	('BTC-USD', '2026-01-05 00:00:03+00', 'infinity', 'BINANCE', 'crypto', NULL, NULL, 'T2', false, false, NULL, NULL),
	('OLD', '2026-01-05 00:00:04+00', '2026-02-01 00:00:00+00', 'NYSE', 'equity', NULL, NULL, 'T2', false, true, NULL, NULL);

INSERT INTO public.universe_versions VALUES
	('2026w02', '{"count": 2, "source": "import"}', '2026-01-05 00:00:00+00', 'abababababababababababababababababababababababababababababababab', 2),
	('by-hand', '{}', '2026-01-06 00:00:00+00', NULL, NULL);

INSERT INTO public.vacancies VALUES
	('AAPL', '1m', '2026-01-05 14:33:00+00', '2026-01-05 14:35:00+00', '{alpaca,yahoo}', '2026-01-05 15:10:00+00', false, false, 0, '2026-11-30 19:40:48.777125+00', '2026-11-30 19:40:48.777125+00'),
	('OLD', '1d', '2025-06-01 00:00:00+00', '2025-07-01 00:00:00+00', '{tiingo}', '2025-08-01 00:00:00+00', false, false, 0, '2026-11-30 19:40:48.777125+00', '2026-11-30 19:40:48.777125+00'),
	('MSFT', '1m', '2026-11-30 14:31:00+00', '2026-11-30 14:33:00+00', '{yahoo,alpaca}', '2026-11-30 15:00:00+00', true, true, 4, NULL, '2026-11-30 14:40:00+00');

SELECT pg_catalog.setval('public.backfill_jobs_id_seq', 6, true);

SELECT pg_catalog.setval('public.calendar_changes_id_seq', 1, true);

SELECT pg_catalog.setval('public.candles_touched_id_seq', 1, true);

SELECT pg_catalog.setval('public.quarantined_bars_id_seq', 1, true);

ALTER TABLE ONLY public.backfill_jobs
    ADD CONSTRAINT backfill_jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.calendar_changes
    ADD CONSTRAINT calendar_changes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.candle_revisions
    ADD CONSTRAINT candle_revisions_pkey PRIMARY KEY (symbol, "interval", ts, adjustment, revision, as_of);

ALTER TABLE ONLY public.candles_daily
    ADD CONSTRAINT candles_daily_pkey PRIMARY KEY (symbol, "interval", ts, adjustment);

ALTER TABLE ONLY public.candles_intraday
    ADD CONSTRAINT candles_intraday_pkey PRIMARY KEY (symbol, "interval", ts);

ALTER TABLE ONLY public.candles_touched
    ADD CONSTRAINT candles_touched_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.cursor_history
    ADD CONSTRAINT cursor_history_pkey PRIMARY KEY (symbol, "interval", known_at);

ALTER TABLE ONLY public.ingestion_cursor
    ADD CONSTRAINT ingestion_cursor_pkey PRIMARY KEY (symbol, "interval", source);

ALTER TABLE ONLY public.known_splits
    ADD CONSTRAINT known_splits_pkey PRIMARY KEY (symbol, effective, provider);

ALTER TABLE ONLY public.provider_delays
    ADD CONSTRAINT provider_delays_pkey PRIMARY KEY (provider, exchange, "interval");

ALTER TABLE ONLY public.quarantined_bars
    ADD CONSTRAINT quarantined_bars_id_key UNIQUE (id);

ALTER TABLE ONLY public.quarantined_bars
    ADD CONSTRAINT quarantined_bars_pkey PRIMARY KEY (symbol, "interval", ts, provider, adjustment);

ALTER TABLE ONLY public.quotes_l1
    ADD CONSTRAINT quotes_l1_pkey PRIMARY KEY (symbol, ts, provider);

ALTER TABLE ONLY public.rechecks
    ADD CONSTRAINT rechecks_pkey PRIMARY KEY (symbol, "interval", sessions);

ALTER TABLE ONLY public.rejected_bars
    ADD CONSTRAINT rejected_bars_pkey PRIMARY KEY (symbol, "interval", ts, provider, reason);

ALTER TABLE ONLY public.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (part, version);

ALTER TABLE ONLY public.series_heads
    ADD CONSTRAINT series_heads_pkey PRIMARY KEY (symbol, "interval");

ALTER TABLE ONLY public.split_checks
    ADD CONSTRAINT split_checks_pkey PRIMARY KEY (symbol, provider);

ALTER TABLE ONLY public.symbol_renames
    ADD CONSTRAINT symbol_renames_pkey PRIMARY KEY (former);

ALTER TABLE ONLY public.symbol_universe
    ADD CONSTRAINT symbol_universe_pkey PRIMARY KEY (symbol);

ALTER TABLE ONLY public.universe_history
    ADD CONSTRAINT universe_history_pkey PRIMARY KEY (symbol, valid_from);

ALTER TABLE ONLY public.universe_versions
    ADD CONSTRAINT universe_versions_pkey PRIMARY KEY (version_tag);

ALTER TABLE ONLY public.vacancies
    ADD CONSTRAINT vacancies_pkey PRIMARY KEY (symbol, "interval", start_ts, end_ts);

CREATE INDEX backfill_jobs_claim ON public.backfill_jobs USING btree (tier, end_ts DESC) WHERE (status = 'queued'::text);

CREATE INDEX backfill_jobs_running ON public.backfill_jobs USING btree (lease_until) WHERE (status = 'running'::text);

CREATE INDEX backfill_jobs_series ON public.backfill_jobs USING btree (symbol, "interval") WHERE (status <> 'done'::text);

CREATE UNIQUE INDEX calendar_changes_day ON public.calendar_changes USING btree (calendar, day) WHERE (revoked_at IS NULL);

CREATE INDEX candle_revisions_as_of ON public.candle_revisions USING brin (as_of) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX candles_daily_as_of ON public.candles_daily USING brin (as_of) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX candles_intraday_as_of ON public.candles_intraday USING brin (as_of) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX candles_intraday_running ON public.candles_intraday USING btree (symbol, ts) WHERE (status = 'partial'::text);

CREATE INDEX candles_intraday_ts ON public.candles_intraday USING brin (ts) WITH (pages_per_range='32');

CREATE INDEX quarantined_bars_age ON public.quarantined_bars USING btree (last_received) WHERE (decision IS NULL);

CREATE INDEX quarantined_bars_look ON public.quarantined_bars USING btree (look_at) WHERE (look_at IS NOT NULL);

CREATE INDEX quotes_l1_ts ON public.quotes_l1 USING brin (ts) WITH (pages_per_range='32');

CREATE INDEX vacancies_due ON public.vacancies USING btree (look_at) WHERE (look_at IS NOT NULL);

CREATE TRIGGER cursor_remember_moved AFTER UPDATE OF through ON public.ingestion_cursor FOR EACH ROW WHEN (((new."interval" = '1m'::text) AND (new.through > old.through) AND ((new.last_bar IS NULL) OR (new.through > (new.last_bar + '00:01:00'::interval)) OR (((new.through AT TIME ZONE 'UTC'::text))::date > ((old.through AT TIME ZONE 'UTC'::text))::date)))) EXECUTE FUNCTION public.cursor_remember();

CREATE TRIGGER cursor_remember_new AFTER INSERT ON public.ingestion_cursor FOR EACH ROW WHEN ((new."interval" = '1m'::text)) EXECUTE FUNCTION public.cursor_remember();

CREATE TRIGGER universe_remember_changed AFTER UPDATE ON public.symbol_universe FOR EACH ROW WHEN ((old.symbol, old.exchange, old.asset_type, old.adv_21d, old.mkt_cap, old.tier, old.pinned, old.active, old.listed, old.delisted) IS DISTINCT FROM (new.symbol, new.exchange, new.asset_type, new.adv_21d, new.mkt_cap, new.tier, new.pinned, new.active, new.listed, new.delisted)) EXECUTE FUNCTION public.universe_remember();

CREATE TRIGGER universe_remember_new AFTER INSERT OR DELETE ON public.symbol_universe FOR EACH ROW EXECUTE FUNCTION public.universe_remember();
