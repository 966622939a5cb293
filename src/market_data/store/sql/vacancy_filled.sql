-- The final bars of a series that lie in its vacancies, of those that overlap the spans from $3 to before $4.
SELECT DISTINCT extract(epoch FROM bar.ts)::bigint AS ts
FROM unnest($3::timestamptz[], $4::timestamptz[]) AS looked (start_ts, end_ts)
JOIN vacancies AS vacant ON vacant.symbol = $1 AND vacant.interval = $2
    AND vacant.start_ts < looked.end_ts AND vacant.end_ts > looked.start_ts
JOIN {table} AS bar ON bar.symbol = $1 AND bar.interval = $2 AND bar.status <> 'partial'
    AND bar.ts >= vacant.start_ts AND bar.ts < vacant.end_ts
