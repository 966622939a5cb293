-- Writes the bars of one answer and moves its cursor; returns when the series last changed before, whether
-- anything was done, and the bars that are new or changed.
-- A partial bar gives way to anything newer. A final one gives way only to other values from its own provider
-- (a correction) from its newest answer: what a second provider thinks of it is an opinion, and an older answer that comes
-- late is no correction. $20 is what the provider's prices were multiplied by, NULL where they are as sent. $21: a partial bar is kept as
-- a revision too.
-- The bars open in [$17, $18]: else a plan may look at the whole series.
-- The head is locked first. Where it changed after this statement began, what the statement sees of the bars is
-- out of date and nothing is done: see `fresh`. What is written is later than any change of the series before it,
-- though the clocks of two replicas differ: else two values of a bar would have been known at once.
-- What changes is inserted over what is known: TimescaleDB plans an UPDATE or a DELETE for every chunk there is, which for
-- a year of them takes longer than all the rest.
WITH head AS MATERIALIZED (
    SELECT locked.as_of AS before, locked.as_of = seen.as_of AS fresh,
           greatest($4::timestamptz, locked.as_of + interval '1 microsecond') AS as_of
    FROM (SELECT as_of FROM series_heads WHERE symbol = $1 AND interval = $2) AS seen,
         (SELECT as_of FROM series_heads WHERE symbol = $1 AND interval = $2 FOR UPDATE) AS locked
), met AS MATERIALIZED (
    SELECT head.as_of AS told_at, told.ts AS told_ts, told.partial,
           told.open AS new_open, told.high AS new_high, told.low AS new_low, told.close AS new_close,
           told.volume AS new_volume, known.*
    FROM head CROSS JOIN (
        SELECT to_timestamp(epoch) AS ts, open, high, low, close, volume, partial
        FROM unnest($7::float8[], $8::float8[], $9::float8[], $10::float8[], $11::float8[], $12::float8[],
                    $13::boolean[])
             AS bar (epoch, open, high, low, close, volume, partial)
    ) AS told LEFT JOIN {table} AS known
         ON known.symbol = $1 AND known.interval = $2 AND known.ts = told.ts AND {same}
            AND known.ts >= $17 AND known.ts <= $18
    WHERE head.fresh
), changed AS (
    SELECT *,
           CASE WHEN partial THEN 'partial' WHEN status IS NULL OR status = 'partial' THEN 'final' ELSE 'corrected' END
           AS new_status,
           coalesce(revision + 1, 0) AS new_revision
    FROM met AS known
    WHERE CASE WHEN status IS NULL THEN true
               WHEN status = 'partial'
               THEN NOT partial
                    OR (open, high, low, close, volume)
                       IS DISTINCT FROM (new_open, new_high, new_low, new_close, new_volume)
               ELSE NOT partial AND provider = $3 AND adjustment = $5
                    AND {newer}
                    AND (open, high, low, close, volume)
                        IS DISTINCT FROM (new_open, new_high, new_low, new_close, new_volume)
          END
), kept AS (
    INSERT INTO candle_revisions (symbol, interval, ts, open, high, low, close, volume, provider, as_of,
                                  superseded_at, status, revision, adjustment, volume_scope, factor)
    SELECT symbol, interval, ts, open, high, low, close, volume, provider, as_of,
           told_at, status, revision, adjustment, volume_scope, factor
    FROM changed
    WHERE status IS NOT NULL AND (status <> 'partial' OR $21::boolean)
    ON CONFLICT DO NOTHING
), bar AS (
    INSERT INTO {table} AS known (symbol, interval, ts, open, high, low, close, volume, provider, as_of, status,
                                  revision, adjustment, volume_scope, factor)
    SELECT $1, $2, told_ts, new_open, new_high, new_low, new_close, new_volume, $3, told_at, new_status,
           new_revision, $5, $6, $20::float8
    FROM changed
    ON CONFLICT ({key}) DO UPDATE
    SET open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close,
        volume = EXCLUDED.volume, provider = EXCLUDED.provider, as_of = EXCLUDED.as_of, status = EXCLUDED.status,
        revision = EXCLUDED.revision, adjustment = EXCLUDED.adjustment, volume_scope = EXCLUDED.volume_scope,
        factor = EXCLUDED.factor
    WHERE known.revision < EXCLUDED.revision
    RETURNING ts, status, revision
), moved AS (
    UPDATE series_heads AS known
    SET as_of = head.as_of
    FROM head
    WHERE known.symbol = $1 AND known.interval = $2 AND EXISTS (SELECT FROM bar)
), advanced AS (
    INSERT INTO ingestion_cursor AS known (symbol, interval, source, through, last_bar, asked_at, known_at)
    SELECT $1, $2, $3, $14, $15, $16, as_of FROM head WHERE fresh AND $14::timestamptz IS NOT NULL
    ON CONFLICT (symbol, interval, source) DO UPDATE
    SET through = greatest(known.through, EXCLUDED.through),
        last_bar = greatest(known.last_bar, EXCLUDED.last_bar),
        asked_at = greatest(known.asked_at, EXCLUDED.asked_at),
        known_at = EXCLUDED.known_at
)
SELECT head.before, head.fresh, extract(epoch FROM bar.ts)::float8 AS ts, bar.status, bar.revision
FROM head LEFT JOIN bar ON true
ORDER BY bar.ts
