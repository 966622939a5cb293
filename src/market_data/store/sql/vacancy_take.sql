-- Takes the vacancies of a series that overlap or adjoin [$3, $4]: the caller puts what is left of them back.
DELETE FROM vacancies
WHERE symbol = $1 AND interval = $2 AND start_ts <= $4 AND end_ts >= $3
RETURNING start_ts, end_ts, providers, confirmed, newer, looks, look_at, first_at, as_of
