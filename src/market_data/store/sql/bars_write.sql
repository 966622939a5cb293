-- Writes the bars of one answer; returns those that are new or changed, as they now stand.
-- A partial bar gives way to anything newer. A final one gives way only to other values from its own provider
-- (a correction): what a second provider thinks of it is an opinion, not a correction.
-- $4 is later than any change of the series before it (see head_lock), though the clocks of two replicas differ:
-- else two values of a bar would have been known at once.
WITH told AS (
    SELECT $1::text AS symbol, $2::text AS interval, $3::text AS provider, $4::timestamptz AS as_of,
           $5::text AS adjustment, $6::text AS volume_scope, bar.*
    FROM unnest($7::timestamptz[], $8::float8[], $9::float8[], $10::float8[], $11::float8[], $12::float8[],
                $13::boolean[])
         AS bar (ts, open, high, low, close, volume, partial)
), changed AS (
    SELECT known.*, told.as_of AS superseded_at,
           told.open AS new_open, told.high AS new_high, told.low AS new_low, told.close AS new_close,
           told.volume AS new_volume,
           CASE WHEN told.partial THEN 'partial' WHEN known.status = 'partial' THEN 'final'
                ELSE 'corrected' END AS new_status
    FROM told JOIN {table} AS known USING ({key})
    WHERE CASE WHEN known.status = 'partial'
               THEN NOT told.partial
                    OR (known.open, known.high, known.low, known.close, known.volume)
                       IS DISTINCT FROM (told.open, told.high, told.low, told.close, told.volume)
               ELSE NOT told.partial AND told.provider = known.provider
                    AND told.adjustment = known.adjustment
                    AND (known.open, known.high, known.low, known.close, known.volume)
                        IS DISTINCT FROM (told.open, told.high, told.low, told.close, told.volume)
          END
), kept AS (
    INSERT INTO candle_revisions (symbol, interval, ts, open, high, low, close, volume, provider, as_of,
                                  superseded_at, status, revision, adjustment, volume_scope)
    SELECT symbol, interval, ts, open, high, low, close, volume, provider, as_of,
           superseded_at, status, revision, adjustment, volume_scope
    FROM changed
    ON CONFLICT DO NOTHING
), corrected AS (
    UPDATE {table} AS bar
    SET open = new_open, high = new_high, low = new_low, close = new_close, volume = new_volume,
        provider = $3, as_of = superseded_at, status = new_status, revision = bar.revision + 1,
        adjustment = $5, volume_scope = $6
    FROM changed
    WHERE bar.symbol = changed.symbol AND bar.interval = changed.interval AND bar.ts = changed.ts
      AND bar.adjustment = changed.adjustment
    RETURNING bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.as_of, bar.status,
              bar.revision
), added AS (
    INSERT INTO {table} (symbol, interval, ts, open, high, low, close, volume, provider, as_of, status,
                         adjustment, volume_scope)
    SELECT symbol, interval, ts, open, high, low, close, volume, provider, as_of,
           CASE WHEN partial THEN 'partial' ELSE 'final' END, adjustment, volume_scope
    FROM told
    ON CONFLICT ({key}) DO NOTHING
    RETURNING ts, open, high, low, close, volume, as_of, status, revision
), head AS (
    UPDATE series_heads
    SET as_of = $4
    WHERE symbol = $1 AND interval = $2 AND (EXISTS (SELECT FROM added) OR EXISTS (SELECT FROM corrected))
)
SELECT * FROM added UNION ALL SELECT * FROM corrected ORDER BY ts
