-- Vacancies of active instruments that are to be looked at again by $1, newest first, at most $2; not those that an
-- unfinished backfill covers.
SELECT due.symbol, due.interval, due.start_ts, due.end_ts
FROM vacancies AS due JOIN symbol_universe AS known USING (symbol)
WHERE due.look_at <= $1 AND known.active
  AND NOT EXISTS (
      SELECT FROM backfill_jobs AS job
      WHERE job.symbol = due.symbol AND job.interval = due.interval AND job.status <> 'done'
        AND job.start_ts <= due.start_ts AND job.end_ts >= due.end_ts
  )
ORDER BY due.end_ts DESC
LIMIT $2
