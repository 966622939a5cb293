-- Locks a series' head: when it last changed, whether it had when this statement began (else what the statement
-- sees of the bars is out of date), and what is known of the bars that open in [$3, $4], oldest first. Each column is
-- one array in binary form: thousands of bars are read as fast as they are sent. `standing` says what may replace a
-- bar: 0 anything newer (it is partial), 1 other values with the adjustment $5 from the provider $6 (NULL: any) in
-- the newest answer, that of $15 asked for at $14, 2 nothing.
-- Where nothing is known all that was told at $7 is new, and what follows from it is done on the same way to the server:
-- the series changes at `as_of` (else NULL), its cursor at the source $8 moves (NULL: it does not), and the spans of late
-- bars are noted, as series_move.sql does. `chunks` says how many the table has on TimescaleDB, else it is 0.
WITH head AS MATERIALIZED (
    SELECT locked.as_of AS before, locked.as_of = seen.as_of AS fresh
    FROM (SELECT as_of FROM series_heads WHERE symbol = $1 AND interval = $2) AS seen,
         (SELECT as_of FROM series_heads WHERE symbol = $1 AND interval = $2 FOR UPDATE) AS locked
), held AS MATERIALIZED (
    SELECT array_send(array_agg(extract(epoch FROM ts)::bigint)) AS ts,
           array_send(array_agg(open)) AS open,
           array_send(array_agg(high)) AS high,
           array_send(array_agg(low)) AS low,
           array_send(array_agg(close)) AS close,
           array_send(array_agg(volume)) AS volume,
           array_send(array_agg(revision)) AS revision,
           array_send(array_agg(CASE WHEN status = 'partial' THEN 0
                                     WHEN adjustment = $5 AND ($6::text IS NULL OR provider = $6) AND newer THEN 1 ELSE 2 END)) AS standing
    FROM (
        SELECT ts, open, high, low, close, volume, revision, status, provider, adjustment, {newer} AS newer
        FROM {table} AS known
        WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts <= $4 AND {same}
        ORDER BY ts
    ) AS bar
), new AS MATERIALIZED (
    SELECT greatest($7::timestamptz, before + interval '1 microsecond') AS as_of
    FROM head, held
    WHERE fresh AND ts IS NULL
), moved AS (
    UPDATE series_heads AS known SET as_of = new.as_of FROM new WHERE known.symbol = $1 AND known.interval = $2
), advanced AS (
    INSERT INTO ingestion_cursor AS known (symbol, interval, source, through, last_bar, asked_at, known_at)
    SELECT $1, $2, $8, $9, $10, $11, as_of FROM new WHERE $8::text IS NOT NULL
    ON CONFLICT (symbol, interval, source) DO UPDATE
    SET through = greatest(known.through, EXCLUDED.through),
        last_bar = greatest(known.last_bar, EXCLUDED.last_bar),
        asked_at = greatest(known.asked_at, EXCLUDED.asked_at),
        known_at = EXCLUDED.known_at
), touched AS (
    INSERT INTO candles_touched (start_ts, end_ts)
    SELECT span.start_ts, span.end_ts
    FROM new, unnest($12::timestamptz[], $13::timestamptz[]) AS span (start_ts, end_ts)
    WHERE to_regprocedure('candles_refresh(integer)') IS NOT NULL
)
SELECT head.*, (SELECT as_of FROM new) AS as_of, held.*,
       (SELECT count(*) FROM pg_inherits WHERE inhparent = '{table}'::regclass) AS chunks
FROM head, held
