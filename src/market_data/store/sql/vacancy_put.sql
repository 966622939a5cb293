-- Notes that nothing traded in a span, and who agreed.
INSERT INTO vacancies (symbol, interval, start_ts, end_ts, providers, as_of)
SELECT $1, $2, told.start_ts, told.end_ts, $5, $6
FROM unnest($3::timestamptz[], $4::timestamptz[]) AS told (start_ts, end_ts)
ON CONFLICT (symbol, interval, start_ts, end_ts) DO UPDATE
SET providers = EXCLUDED.providers, as_of = EXCLUDED.as_of
