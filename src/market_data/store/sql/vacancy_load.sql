-- The vacancies of a series that overlap [$3, $4).
SELECT start_ts, end_ts, providers, confirmed, newer, looks, look_at, first_at, as_of
FROM vacancies
WHERE symbol = $1 AND interval = $2 AND start_ts < $4 AND end_ts > $3
ORDER BY start_ts
