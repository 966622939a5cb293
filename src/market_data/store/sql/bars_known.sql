-- Locks a series' head: when it last changed, whether it had when this statement began (else what the statement
-- sees of the bars is out of date), and what is known of the bars that open in [$3, $4], oldest first. Each column is
-- one array in binary form: thousands of bars are read as fast as they are sent. `standing` says what may replace a
-- bar: 0 anything newer (it is partial), 1 other values with the adjustment $5 from the provider $6 (NULL: any), 2 nothing.
SELECT locked.as_of AS before, locked.as_of = seen.as_of AS fresh, held.*
FROM (SELECT as_of FROM series_heads WHERE symbol = $1 AND interval = $2) AS seen,
     (SELECT as_of FROM series_heads WHERE symbol = $1 AND interval = $2 FOR UPDATE) AS locked,
     LATERAL (
         SELECT array_send(array_agg(extract(epoch FROM ts)::bigint)) AS ts,
                array_send(array_agg(open)) AS open,
                array_send(array_agg(high)) AS high,
                array_send(array_agg(low)) AS low,
                array_send(array_agg(close)) AS close,
                array_send(array_agg(volume)) AS volume,
                array_send(array_agg(revision)) AS revision,
                array_send(array_agg(CASE WHEN status = 'partial' THEN 0
                                          WHEN adjustment = $5 AND ($6::text IS NULL OR provider = $6) THEN 1 ELSE 2 END)) AS standing
         FROM (
             SELECT ts, open, high, low, close, volume, revision, status, provider, adjustment
             FROM {table} AS known
             WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts <= $4 AND {same}
             ORDER BY ts
         ) AS bar
     ) AS held
