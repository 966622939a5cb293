-- Deletes at most $2 of the rejected bars that were last sent before $1; returns how many.
WITH old AS (
    SELECT ctid FROM rejected_bars
    WHERE last_told < $1
    LIMIT $2
), gone AS (
    DELETE FROM rejected_bars WHERE ctid IN (SELECT ctid FROM old) RETURNING 1
)
SELECT count(*) AS gone FROM gone
