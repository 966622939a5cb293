-- The tables of the market data service, for PostgreSQL 14 and later.
-- Apply with `psql -f` or `market-data migrate`. Each step below runs once per database and leaves a row in
-- `schema_version`; applied again to a running service, this file takes no lock that anybody could wait for.

BEGIN;

-- Two migrations at once would race for the same names; the second waits here and then finds every step done.
SELECT pg_advisory_xact_lock(hashtext('market-data migration'));
SET LOCAL client_min_messages = warning;
-- A step that has to wait for a reader gives up, so that nobody queues behind it for longer: run the file again later.
-- Longer than deadlock_timeout (1 s), after which PostgreSQL ends an autovacuum that is in the way.
SET LOCAL lock_timeout = '3s';

-- The steps that have been applied. `part` is 'core' (this file) or 'timescaledb' (the file beside it).
CREATE TABLE IF NOT EXISTS schema_version (
    part       text NOT NULL,
    version    text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (part, version)
);

-- Locks the tables that a step changes, before it changes any: all of them within lock_timeout, or none. The error
-- names the sessions that use the table. Tables that are not there yet need no lock.
CREATE OR REPLACE FUNCTION schema_lock(VARIADIC tables text[]) RETURNS void LANGUAGE plpgsql AS $$
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

-- 0.1.0: the first version, also applied to databases that are older than `schema_version`.
DO $step$
BEGIN
IF EXISTS (SELECT FROM schema_version WHERE (part, version) = ('core', '0.1.0')) THEN
    RETURN;
END IF;
PERFORM schema_lock('candles_intraday', 'candles_daily', 'candle_revisions', 'quotes_l1', 'backfill_jobs', 'vacancies',
                    'symbol_universe', 'universe_versions');

-- The clock is read as each row is written: writers of a row wait for each other, so its spans follow each other.
CREATE OR REPLACE FUNCTION universe_remember() RETURNS trigger LANGUAGE plpgsql AS $$
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

-- Gives the bars that TimescaleDB has built of a symbol another name: those whose minutes are gone are built no more.
CREATE OR REPLACE FUNCTION candles_rename_built(former text, new text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    built text;
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        FOR built IN
            SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
            FROM timescaledb_information.continuous_aggregates
            WHERE view_name IN ('candles_5m', 'candles_1h')
        LOOP
            EXECUTE format('UPDATE %s SET symbol = $2 WHERE symbol = $1', built) USING former, new;
        END LOOP;
    END IF;
END
$$;

-- What is collected. A row inserted here is collected from the next sweep on.
CREATE TABLE IF NOT EXISTS symbol_universe (
    symbol      text PRIMARY KEY,
    exchange    text NOT NULL,
    asset_type  text NOT NULL DEFAULT 'equity' CHECK (asset_type IN ('equity', 'etf', 'index', 'crypto')),
    adv_21d     numeric,                -- average daily volume of 21 sessions, in units of the instrument
    mkt_cap     numeric,                -- in its currency
    tier        text NOT NULL DEFAULT 'T2' CHECK (tier IN ('T0', 'T1', 'T2')),
    active      boolean NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

-- Before its first and after its last day of trading nothing is missing; NULL: not known.
ALTER TABLE symbol_universe ADD COLUMN IF NOT EXISTS listed date;
ALTER TABLE symbol_universe ADD COLUMN IF NOT EXISTS delisted date;

-- A pinned tier was chosen by hand: it is not computed again.
ALTER TABLE symbol_universe ADD COLUMN IF NOT EXISTS pinned boolean NOT NULL DEFAULT false;

-- A version is the universe at the moment at which it was made. The clock is read then, not when the transaction
-- began: what the same transaction wrote before is part of it.
CREATE TABLE IF NOT EXISTS universe_versions (
    version_tag text PRIMARY KEY,
    source_meta jsonb NOT NULL DEFAULT '{}'::jsonb,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE universe_versions ALTER COLUMN created_at SET DEFAULT clock_timestamp();
ALTER TABLE universe_versions ADD COLUMN IF NOT EXISTS content_hash text; -- SHA-256 of the rows; NULL: made by hand
ALTER TABLE universe_versions ADD COLUMN IF NOT EXISTS members integer;

-- What each row of the universe was, and when, whoever changed it.
CREATE TABLE IF NOT EXISTS universe_history (
    symbol     text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to   timestamptz NOT NULL DEFAULT 'infinity', -- exclusive
    exchange   text NOT NULL,
    asset_type text NOT NULL,
    adv_21d    numeric,
    mkt_cap    numeric,
    tier       text NOT NULL,
    pinned     boolean NOT NULL,
    active     boolean NOT NULL,
    listed     date,
    delisted   date,
    PRIMARY KEY (symbol, valid_from)
);

-- Symbols that were renamed: the history of `former` is now that of `symbol`.
CREATE TABLE IF NOT EXISTS symbol_renames (
    former  text PRIMARY KEY,
    symbol  text NOT NULL,
    renamed timestamptz NOT NULL DEFAULT now()
);

CREATE OR REPLACE TRIGGER universe_remember_new AFTER INSERT OR DELETE ON symbol_universe
    FOR EACH ROW EXECUTE FUNCTION universe_remember();
CREATE OR REPLACE TRIGGER universe_remember_changed AFTER UPDATE ON symbol_universe
    FOR EACH ROW WHEN ((OLD.symbol, OLD.exchange, OLD.asset_type, OLD.adv_21d, OLD.mkt_cap, OLD.tier, OLD.pinned,
                        OLD.active, OLD.listed, OLD.delisted)
                       IS DISTINCT FROM
                       (NEW.symbol, NEW.exchange, NEW.asset_type, NEW.adv_21d, NEW.mkt_cap, NEW.tier, NEW.pinned,
                        NEW.active, NEW.listed, NEW.delisted))
    EXECUTE FUNCTION universe_remember();

-- Rows that are older than this table.
INSERT INTO universe_history (symbol, valid_from, exchange, asset_type, adv_21d, mkt_cap, tier, pinned, active,
                              listed, delisted)
SELECT symbol, created_at, exchange, asset_type, adv_21d, mkt_cap, tier, pinned, active, listed, delisted
FROM symbol_universe AS known
WHERE NOT EXISTS (SELECT FROM universe_history AS was WHERE was.symbol = known.symbol);

-- Bars within a day, labelled by their open. `as_of` is when we learned the row as it stands.
CREATE TABLE IF NOT EXISTS candles_intraday (
    symbol       text NOT NULL,
    interval     text NOT NULL CHECK (interval IN ('1m', '5m', '15m', '1h')),
    ts           timestamptz NOT NULL,
    open         double precision NOT NULL,
    high         double precision NOT NULL,
    low          double precision NOT NULL,
    close        double precision NOT NULL,
    volume       double precision NOT NULL,
    provider     text NOT NULL,
    as_of        timestamptz NOT NULL DEFAULT now(),
    status       text NOT NULL DEFAULT 'final' CHECK (status IN ('partial', 'final', 'corrected')),
    revision     integer NOT NULL DEFAULT 0,
    adjustment   text NOT NULL DEFAULT 'raw' CHECK (adjustment IN ('raw', 'split', 'all')),
    volume_scope text NOT NULL DEFAULT 'unknown' CHECK (volume_scope IN ('consolidated', 'venue', 'unknown')),
    PRIMARY KEY (symbol, interval, ts)
);

-- A scan looks at all series of a session at once, where the key would lead through each of them.
CREATE INDEX IF NOT EXISTS candles_intraday_ts ON candles_intraday USING brin (ts) WITH (pages_per_range = 32);
DROP INDEX IF EXISTS candles_intraday_partial; -- the same the other way round: slow to ask for one symbol
CREATE INDEX IF NOT EXISTS candles_intraday_running ON candles_intraday (symbol, ts) WHERE status = 'partial';

-- Bars of whole sessions; ts is 00:00 UTC of the session's date. Raw and adjusted prices are rows of their own.
CREATE TABLE IF NOT EXISTS candles_daily (
    symbol       text NOT NULL,
    interval     text NOT NULL DEFAULT '1d' CHECK (interval = '1d'),
    ts           timestamptz NOT NULL,
    open         double precision NOT NULL,
    high         double precision NOT NULL,
    low          double precision NOT NULL,
    close        double precision NOT NULL,
    volume       double precision NOT NULL,
    provider     text NOT NULL,
    as_of        timestamptz NOT NULL DEFAULT now(),
    status       text NOT NULL DEFAULT 'final' CHECK (status IN ('partial', 'final', 'corrected')),
    revision     integer NOT NULL DEFAULT 0,
    adjustment   text NOT NULL DEFAULT 'raw' CHECK (adjustment IN ('raw', 'split', 'all')),
    volume_scope text NOT NULL DEFAULT 'unknown' CHECK (volume_scope IN ('consolidated', 'venue', 'unknown')),
    PRIMARY KEY (symbol, interval, ts, adjustment)
);

-- What a bar was before it changed: known from as_of until superseded_at.
CREATE TABLE IF NOT EXISTS candle_revisions (
    symbol        text NOT NULL,
    interval      text NOT NULL,
    ts            timestamptz NOT NULL,
    open          double precision NOT NULL,
    high          double precision NOT NULL,
    low           double precision NOT NULL,
    close         double precision NOT NULL,
    volume        double precision NOT NULL,
    provider      text NOT NULL,
    as_of         timestamptz NOT NULL,
    superseded_at timestamptz NOT NULL,
    status        text NOT NULL,
    revision      integer NOT NULL,
    adjustment    text NOT NULL,
    volume_scope  text NOT NULL,
    PRIMARY KEY (symbol, interval, ts, adjustment, revision, as_of)
);

-- What has not been published yet is looked for by when it was learned; rows are added nearly in that order.
CREATE INDEX IF NOT EXISTS candles_intraday_as_of ON candles_intraday
    USING brin (as_of) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX IF NOT EXISTS candles_daily_as_of ON candles_daily
    USING brin (as_of) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX IF NOT EXISTS candle_revisions_as_of ON candle_revisions
    USING brin (as_of) WITH (pages_per_range = 32, autosummarize = on);

-- When each series last changed: as_of of its newest write. Writers of a series wait for each other here, so that
-- its changes have one order, and each knows the one before it.
CREATE TABLE IF NOT EXISTS series_heads (
    symbol   text NOT NULL,
    interval text NOT NULL,
    as_of    timestamptz NOT NULL DEFAULT 'epoch',
    PRIMARY KEY (symbol, interval)
) WITH (fillfactor = 50);

-- Bars that were told but not believed, each with the reason; told again, it is counted, not repeated.
CREATE TABLE IF NOT EXISTS rejected_bars (
    symbol     text NOT NULL,
    interval   text NOT NULL,
    ts         timestamptz NOT NULL,
    provider   text NOT NULL,
    reason     text NOT NULL,
    open       double precision,
    high       double precision,
    low        double precision,
    close      double precision,
    volume     double precision,
    first_told timestamptz NOT NULL,
    last_told  timestamptz NOT NULL,
    times      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (symbol, interval, ts, provider, reason)
);

CREATE TABLE IF NOT EXISTS quotes_l1 (
    symbol   text NOT NULL,
    ts       timestamptz NOT NULL,      -- of the trade, as the provider tells it
    provider text NOT NULL,
    price    double precision NOT NULL,
    bid      double precision,
    ask      double precision,
    bid_size double precision,
    ask_size double precision,
    volume   double precision,          -- of the day so far
    as_of    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (symbol, ts, provider)
);

-- Old ones are looked for by time; rows lie in that order.
CREATE INDEX IF NOT EXISTS quotes_l1_ts ON quotes_l1 USING brin (ts) WITH (pages_per_range = 32);

-- How far a series has been asked for, by source: everything before `through` was final when it was asked.
CREATE TABLE IF NOT EXISTS ingestion_cursor (
    symbol     text NOT NULL,
    interval   text NOT NULL,
    source     text NOT NULL,
    through    timestamptz NOT NULL,
    last_bar   timestamptz,             -- label of the newest final bar written from this source
    asked_at   timestamptz NOT NULL,
    PRIMARY KEY (symbol, interval, source)
);

-- The ledger of backfills: a row is work that must not be lost.
CREATE TABLE IF NOT EXISTS backfill_jobs (
    id              bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    symbol          text NOT NULL,
    interval        text NOT NULL,
    start_ts        timestamptz NOT NULL,
    end_ts          timestamptz NOT NULL,   -- exclusive
    tier            text NOT NULL CHECK (tier IN ('T0', 'T1', 'T2')),
    status          text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'dead')),
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    lease_owner     text,
    lease_until     timestamptz,
    last_error      text,
    answers         jsonb NOT NULL DEFAULT '[]'::jsonb,  -- what each provider said, newest attempt last
    created_at      timestamptz NOT NULL DEFAULT now(),
    settled_at      timestamptz,
    CHECK (start_ts < end_ts)
);
-- A backfill that asks this provider for all of its span, whatever is known: it has re-based its history.
ALTER TABLE backfill_jobs ADD COLUMN IF NOT EXISTS restated_by text;
CREATE INDEX IF NOT EXISTS backfill_jobs_claim ON backfill_jobs (tier, end_ts DESC) WHERE status = 'queued';
CREATE INDEX IF NOT EXISTS backfill_jobs_running ON backfill_jobs (lease_until) WHERE status = 'running';
CREATE INDEX IF NOT EXISTS backfill_jobs_series ON backfill_jobs (symbol, interval) WHERE status <> 'done';

-- Spans in which able providers agree that nothing traded. A bar that arrives there all the same counts first.
CREATE TABLE IF NOT EXISTS vacancies (
    symbol    text NOT NULL,
    interval  text NOT NULL,
    start_ts  timestamptz NOT NULL,
    end_ts    timestamptz NOT NULL,     -- exclusive
    providers text[] NOT NULL,          -- who agreed
    as_of     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (symbol, interval, start_ts, end_ts),
    CHECK (start_ts < end_ts)
);

-- Spans of 5-minute buckets whose 1m bars were written too late for the scheduled refresh of TimescaleDB's continuous
-- aggregates, noted in the transaction that wrote the bars; `candles_refresh` takes them. Without TimescaleDB it is empty.
CREATE TABLE IF NOT EXISTS candles_touched (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    start_ts   timestamptz NOT NULL,
    end_ts     timestamptz NOT NULL,    -- exclusive
    touched_at timestamptz NOT NULL DEFAULT now(),
    CHECK (start_ts < end_ts)
);

-- Bars built from 1m bars. TimescaleDB has continuous aggregates of these names instead.
DO $$
DECLARE
    view_name text;
    width text;
BEGIN
    FOR view_name, width IN VALUES ('candles_5m', '5 minutes'), ('candles_1h', '1 hour') LOOP
        IF to_regclass(view_name) IS NULL THEN
            EXECUTE format($view$
                CREATE VIEW %I AS
                SELECT symbol,
                       date_bin(%L, ts, 'epoch'::timestamptz) AS ts,
                       (array_agg(open ORDER BY ts))[1] AS open,
                       max(high) AS high,
                       min(low) AS low,
                       (array_agg(close ORDER BY ts DESC))[1] AS close,
                       sum(volume) AS volume
                FROM candles_intraday
                WHERE interval = '1m'
                GROUP BY symbol, 2
            $view$, view_name, width);
        END IF;
    END LOOP;
END
$$;

INSERT INTO schema_version (part, version) VALUES ('core', '0.1.0');
END
$step$;

-- 0.2.0: what is called vacant, final or complete is proven.
DO $step$
BEGIN
IF EXISTS (SELECT FROM schema_version WHERE (part, version) = ('core', '0.2.0')) THEN
    RETURN;
END IF;
PERFORM schema_lock('candles_5m', 'candles_1h', 'candles_intraday', 'candles_daily', 'candle_revisions', 'backfill_jobs', 'vacancies', 'ingestion_cursor');

-- A vacancy is provisional until it is confirmed. Those of 0.1.0 hold no evidence: all of them are asked again.
ALTER TABLE vacancies
    ADD COLUMN confirmed boolean NOT NULL DEFAULT false,
    ADD COLUMN newer     boolean NOT NULL DEFAULT false,  -- a witness has sent a newer bar of this very symbol
    ADD COLUMN looks     integer NOT NULL DEFAULT 0,      -- how often it has been asked again
    ADD COLUMN look_at   timestamptz DEFAULT now(),       -- when it is asked again; NULL: never
    ADD COLUMN first_at  timestamptz NOT NULL DEFAULT now();
CREATE INDEX vacancies_due ON vacancies (look_at) WHERE look_at IS NOT NULL;

-- Why a backfill was made: a gap, a second look at a vacancy, a routine recheck of filled bars, an operator.
ALTER TABLE backfill_jobs
    ADD COLUMN reason    text NOT NULL DEFAULT 'gap' CHECK (reason IN ('gap', 'look', 'recheck', 'operator')),
    ADD COLUMN forced    boolean NOT NULL DEFAULT false,  -- asks for all of its span, filled or not
    ADD COLUMN postponed integer NOT NULL DEFAULT 0;      -- how often it was put off, since no provider knows yet

-- How late each provider's newest bars of an exchange arrive, as learned from its answers.
CREATE TABLE provider_delays (
    provider   text NOT NULL,
    exchange   text NOT NULL,
    interval   text NOT NULL,
    seconds    double precision NOT NULL,   -- after the end of a bar
    newest     timestamptz NOT NULL,        -- the newest bar of any symbol that it has sent
    learned_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, exchange, interval)
);

-- Through which session (00:00 UTC of its date) the bars of a series have been asked for again, by how many sessions
-- later that is done.
CREATE TABLE rechecks (
    symbol   text NOT NULL,
    interval text NOT NULL,
    sessions integer NOT NULL,
    through  timestamptz NOT NULL,
    PRIMARY KEY (symbol, interval, sessions)
);

-- Bars that may be wrong though they are possible: kept and shown on request, never built into others. They leave when
-- a second provider, later bars or time settle them. What an operator decided stays as the record of it: such a value
-- is not quarantined again.
CREATE TABLE quarantined_bars (
    id             bigint GENERATED BY DEFAULT AS IDENTITY UNIQUE,
    symbol         text NOT NULL,
    interval       text NOT NULL,
    ts             timestamptz NOT NULL,
    provider       text NOT NULL,
    adjustment     text NOT NULL,
    volume_scope   text NOT NULL,
    open           double precision NOT NULL,
    high           double precision NOT NULL,
    low            double precision NOT NULL,
    close          double precision NOT NULL,
    volume         double precision NOT NULL,
    reason         text NOT NULL,                   -- jump, spread, volume, split, or differs from the stored bar
    contradicted   boolean NOT NULL DEFAULT false,  -- another provider sent a different value
    evidence       text NOT NULL,                   -- what was found, in words
    first_received timestamptz NOT NULL,            -- when its provider was first asked and sent this value
    last_received  timestamptz NOT NULL,
    times          bigint NOT NULL DEFAULT 1,       -- answers that had this value
    looks          integer NOT NULL DEFAULT 0,      -- how often it has been asked for again
    look_at        timestamptz,                     -- when it is asked for again; NULL: not again
    decision       text CHECK (decision IN ('accepted', 'rejected')), -- by an operator; NULL: it is open
    decided_by     text,
    decided_at     timestamptz,
    decided_why    text,
    PRIMARY KEY (symbol, interval, ts, provider, adjustment)
);
CREATE INDEX quarantined_bars_look ON quarantined_bars (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX quarantined_bars_age ON quarantined_bars (last_received) WHERE decision IS NULL;

-- Splits as providers report them. Prices before `effective` (00:00 UTC of the session's date) are divided by `ratio`.
CREATE TABLE known_splits (
    symbol    text NOT NULL,
    effective timestamptz NOT NULL,
    provider  text NOT NULL,
    ratio     double precision NOT NULL CHECK (ratio > 0),
    known_at  timestamptz NOT NULL,
    PRIMARY KEY (symbol, effective, provider)
);

-- For which time it is known which splits there were: a provider has reported all of a symbol that took effect after
-- `since`, up to the session of `through` (00:00 UTC of its date).
CREATE TABLE split_checks (
    symbol     text NOT NULL,
    provider   text NOT NULL,
    since      timestamptz NOT NULL,
    through    timestamptz NOT NULL,
    checked_at timestamptz NOT NULL,
    PRIMARY KEY (symbol, provider)
);

-- A minute that was converted to the raw level keeps the factor that its provider's prices were multiplied by. NULL: they
-- were raw as sent. Daily bars are never converted: their column is NULL.
ALTER TABLE candles_intraday ADD COLUMN factor double precision;
ALTER TABLE candles_daily ADD COLUMN factor double precision;
ALTER TABLE candle_revisions ADD COLUMN factor double precision;

-- Closures and early closes that an operator announced, and when; revoked ones stay as a record.
CREATE TABLE calendar_changes (
    id         bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    calendar   text NOT NULL,                -- code of the calendar, such as XNYS
    day        date NOT NULL,                -- of the session, local
    closes     timestamptz,                  -- the early close; NULL: closed all day
    reason     text NOT NULL,
    learned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz
);
CREATE UNIQUE INDEX calendar_changes_day ON calendar_changes (calendar, day) WHERE revoked_at IS NULL;

-- How far a series of minutes had been asked for at `known_at`, whoever was asked: decides for `as_of` whether a
-- built bar was final. A row is written where the newest minutes had no trade, and for the first answer of a day (UTC);
-- else the newest final bar says the same.
ALTER TABLE ingestion_cursor ADD COLUMN known_at timestamptz;   -- when it was written as it stands
CREATE TABLE cursor_history (
    symbol   text NOT NULL,
    interval text NOT NULL,
    known_at timestamptz NOT NULL,
    through  timestamptz NOT NULL,
    PRIMARY KEY (symbol, interval, known_at)
);
-- Writers of a series wait for each other, so its rows have one order, also where the clocks of two replicas differ.
CREATE OR REPLACE FUNCTION cursor_remember() RETURNS trigger LANGUAGE plpgsql AS $function$
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
$function$;

INSERT INTO cursor_history (symbol, interval, known_at, through)
SELECT symbol, interval, now(), max(through) FROM ingestion_cursor WHERE interval = '1m' GROUP BY symbol, interval;
CREATE TRIGGER cursor_remember_new AFTER INSERT ON ingestion_cursor
    FOR EACH ROW WHEN (NEW.interval = '1m') EXECUTE FUNCTION cursor_remember();
CREATE TRIGGER cursor_remember_moved AFTER UPDATE OF through ON ingestion_cursor
    FOR EACH ROW WHEN (NEW.interval = '1m' AND NEW.through > OLD.through
                       AND (NEW.last_bar IS NULL OR NEW.through > NEW.last_bar + interval '1 minute'
                            OR (NEW.through AT TIME ZONE 'UTC')::date > (OLD.through AT TIME ZONE 'UTC')::date))
    EXECUTE FUNCTION cursor_remember();

-- Says what candles_5m or candles_1h has, where psql and other tools show it: \d+ candles_1h.
CREATE OR REPLACE FUNCTION candles_describe(view_name text, width text) RETURNS void LANGUAGE plpgsql AS $function$
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
$function$;

-- A symbol that is renamed while candles_5m and candles_1h are rebuilt takes both with it: see the file beside this one.
CREATE OR REPLACE FUNCTION candles_rename_built(former text, new text) RETURNS void LANGUAGE plpgsql AS $function$
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
$function$;

-- Volumes of different scopes have no sum: such a bar has no volume, and says `mixed`.
DO $views$
DECLARE
    built text;
    width text;
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        IF EXISTS (SELECT FROM timescaledb_information.continuous_aggregates
                   WHERE format('%I.%I', view_schema, view_name)::regclass = to_regclass('candles_5m')) THEN
            RETURN;  -- the file beside this one rebuilds them
        END IF;
    END IF;
    FOR built, width IN VALUES ('candles_5m', '5 minutes'), ('candles_1h', '1 hour') LOOP
        EXECUTE format($view$
            CREATE OR REPLACE VIEW %I AS
            SELECT symbol,
                   date_bin(%L, ts, 'epoch'::timestamptz) AS ts,
                   (array_agg(open ORDER BY ts))[1] AS open,
                   max(high) AS high,
                   min(low) AS low,
                   (array_agg(close ORDER BY ts DESC))[1] AS close,
                   CASE WHEN min(volume_scope) = max(volume_scope) THEN sum(volume ORDER BY ts) END AS volume,
                   CASE WHEN min(volume_scope) = max(volume_scope) THEN min(volume_scope) ELSE 'mixed' END
                   AS volume_scope
            FROM candles_intraday
            WHERE interval = '1m'
            GROUP BY symbol, 2
        $view$, built, width);
        PERFORM candles_describe(built, width);
    END LOOP;
END
$views$;

INSERT INTO schema_version (part, version) VALUES ('core', '0.2.0');
END
$step$;

-- 0.3.0: nothing grows without end, and a backfill is claimed from the front of an index.
DO $step$
BEGIN
IF EXISTS (SELECT FROM schema_version WHERE (part, version) = ('core', '0.3.0')) THEN
    RETURN;
END IF;
PERFORM schema_lock('backfill_jobs', 'cursor_history', 'rejected_bars', 'vacancies', 'universe_history');

-- A queued backfill is ready once its time has come: the next claim marks it. So those that wait are not in the index
-- that claims read, in whose order they are claimed.
ALTER TABLE backfill_jobs ADD COLUMN ready boolean NOT NULL DEFAULT true;
UPDATE backfill_jobs SET ready = false WHERE status = 'queued' AND next_attempt_at > now();
DROP INDEX backfill_jobs_claim;
CREATE INDEX backfill_jobs_ready ON backfill_jobs (tier, (reason = 'recheck'), end_ts DESC)
    WHERE status = 'queued' AND ready;
CREATE INDEX backfill_jobs_waiting ON backfill_jobs (next_attempt_at) WHERE status = 'queued' AND NOT ready;

-- What is deleted because of its age is found by these.
CREATE INDEX backfill_jobs_settled ON backfill_jobs (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX cursor_history_age ON cursor_history USING brin (known_at) WITH (pages_per_range = 32);
CREATE INDEX rejected_bars_age ON rejected_bars (last_told);
CREATE INDEX vacancies_age ON vacancies (end_ts);
CREATE INDEX universe_history_age ON universe_history (valid_to) WHERE valid_to < 'infinity';

INSERT INTO schema_version (part, version) VALUES ('core', '0.3.0');
END
$step$;

COMMIT;
