-- Deletes at most $2 of the vacancies of minutes that end before $1; returns how many.
WITH old AS (
    SELECT ctid FROM vacancies
    WHERE end_ts < $1 AND interval <> '1d'
    LIMIT $2
), gone AS (
    DELETE FROM vacancies WHERE ctid IN (SELECT ctid FROM old) RETURNING 1
)
SELECT count(*) AS gone FROM gone
