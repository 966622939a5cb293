-- Deletes at most $2 of the states of the universe that ended before $1; returns how many.
WITH old AS (
    SELECT ctid FROM universe_history
    WHERE valid_to < $1 AND valid_to < 'infinity'
    LIMIT $2
), gone AS (
    DELETE FROM universe_history WHERE ctid IN (SELECT ctid FROM old) RETURNING 1
)
SELECT count(*) AS gone FROM gone
