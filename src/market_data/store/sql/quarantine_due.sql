-- Takes the open rows that are to be asked for again at $1, of at most $2 series, and says when they are looked at after
-- that: so long after they were first received as the next of $3 says (of days: $4), and not at once; then never.
WITH series AS (
    SELECT symbol, interval
    FROM quarantined_bars
    WHERE look_at <= $1 AND decision IS NULL
    GROUP BY symbol, interval
    ORDER BY min(look_at)
    LIMIT $2
), due AS (
    SELECT id, CASE WHEN interval = '1d' THEN $4::interval[] ELSE $3::interval[] END AS pauses
    FROM quarantined_bars JOIN series USING (symbol, interval)
    WHERE look_at <= $1 AND decision IS NULL
    FOR UPDATE OF quarantined_bars SKIP LOCKED
)
UPDATE quarantined_bars AS known
SET looks = looks + 1,
    look_at = CASE WHEN looks + 2 <= cardinality(pauses)
                   THEN greatest(first_received + pauses[looks + 2], $1::timestamptz + pauses[1]) END
FROM due
WHERE known.id = due.id
RETURNING known.symbol, known.interval, extract(epoch FROM known.ts)::bigint AS ts
