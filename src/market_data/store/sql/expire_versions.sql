-- Deletes at most $2 of the versions of the universe that were made before $1, except the newest; returns how many.
WITH old AS (
    SELECT ctid FROM universe_versions
    WHERE created_at < $1 AND created_at < (SELECT max(created_at) FROM universe_versions)
    LIMIT $2
), gone AS (
    DELETE FROM universe_versions WHERE ctid IN (SELECT ctid FROM old) RETURNING 1
)
SELECT count(*) AS gone FROM gone
