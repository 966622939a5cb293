-- Deletes at most $2 of the quotes that are older than $1; returns how many. On TimescaleDB a policy drops whole chunks.
WITH old AS (
    SELECT ctid
    FROM quotes_l1
    WHERE ts < $1 AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
    LIMIT $2
), gone AS (
    DELETE FROM quotes_l1 WHERE ctid IN (SELECT ctid FROM old) RETURNING 1
)
SELECT count(*) AS gone FROM gone
