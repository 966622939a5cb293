-- Bars of length $7 built from 1m bars that open in [$4, $5), oldest first, at most $6. Pieces of time begin at $8,
-- where their first bar opens, have the minutes before $14, and cut their last bar off at $9: sessions, or stretches of
-- the clock with a session in each. Bars are named by the labels $11 of pieces, else by when they open.
-- One is partial while its time is not over at $12, or a minute of it may still be told: minutes are known until the
-- newest final one before $13, or until the source was asked, both as known at $3; after $10 of a piece none has to come.
-- The pieces have an order, so that a few bars are found without building all.
WITH told AS MATERIALIZED (
    SELECT greatest(
        (SELECT max(ts) + interval '1 minute' FROM {table}
         WHERE symbol = $1 AND interval = $2 AND ts >= $4 AND ts < $13 AND status <> 'partial'
           AND ($3::timestamptz IS NULL OR as_of <= $3)),
        (SELECT max(ts) + interval '1 minute' FROM candle_revisions
         WHERE symbol = $1 AND interval = $2 AND ts >= $4 AND ts < $13 AND status <> 'partial'
           AND as_of <= $3 AND superseded_at > $3),
        (SELECT max(through) FROM ingestion_cursor WHERE symbol = $1 AND interval = $2 AND $3::timestamptz IS NULL),
        (SELECT through FROM cursor_history
         WHERE symbol = $1 AND interval = $2 AND known_at <= $3 ORDER BY known_at DESC LIMIT 1)
    ) AS through
)
SELECT coalesce(session.label, bar.ts) AS ts, open, high, low, close, volume, as_of, revision, provider,
       CASE WHEN running OR bar.ends > $12
                 OR NOT coalesce(least(bar.ends, session.due) <= told.through, false) THEN 'partial'
            WHEN corrected THEN 'corrected' ELSE 'final' END AS status,
       adjustment, volume_scope
FROM told CROSS JOIN unnest($8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[],
                            $14::timestamptz[]) WITH ORDINALITY AS session (opens, closes, due, label, until, number)
CROSS JOIN LATERAL (
    SELECT date_bin($7, ts, session.opens) AS ts,
           least(date_bin($7, ts, session.opens) + $7, session.closes) AS ends,
           (array_agg(open ORDER BY ts))[1] AS open,
           max(high) AS high,
           min(low) AS low,
           (array_agg(close ORDER BY ts))[count(*)] AS close,
           -- NaN: no volume, since the minutes count the trades of different scopes
           CASE WHEN min(volume_scope) = max(volume_scope) THEN sum(volume ORDER BY ts) ELSE 'NaN' END AS volume,
           max(as_of) AS as_of,
           sum(revision)::integer AS revision,
           string_agg(DISTINCT provider, '+' ORDER BY provider) AS provider,
           bool_or(status = 'partial') AS running,
           bool_or(status = 'corrected') AS corrected,
           CASE WHEN bool_or(adjustment = 'raw') THEN 'raw' ELSE min(adjustment) END AS adjustment,
           CASE WHEN min(volume_scope) = max(volume_scope) THEN min(volume_scope) ELSE 'mixed' END AS volume_scope
    FROM (
{known}
    ) AS minute
    GROUP BY 1, 2
) AS bar
ORDER BY session.number, bar.ts
LIMIT $6
