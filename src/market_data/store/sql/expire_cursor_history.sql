-- Deletes at most $2 rows of the cursors' history from before $1, except the newest of each series: it says how far minutes
-- had been asked for at $1. Returns how many.
WITH old AS (
    SELECT ctid
    FROM cursor_history AS was
    WHERE known_at < $1
      AND EXISTS (SELECT FROM cursor_history AS later
                  WHERE (later.symbol, later.interval) = (was.symbol, was.interval)
                    AND later.known_at > was.known_at AND later.known_at <= $1)
    LIMIT $2
), gone AS (
    DELETE FROM cursor_history WHERE ctid IN (SELECT ctid FROM old) RETURNING 1
)
SELECT count(*) AS gone FROM gone
