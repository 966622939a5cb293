-- Part of other queries: the bars of a series that open in [$4, $5); with $3, as they were known then. These bounds are
-- values, so that TimescaleDB leaves out the chunks of other times when it plans. Both parts are sorted where the order
-- has to come from their keys; else it could not leave out chunks for each session while it runs.
    (SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
    FROM {table}
    WHERE symbol = $1 AND interval = $2 AND ts >= $4 AND ts < $5 {within} {level}
      AND ($3::timestamptz IS NULL OR as_of <= $3)
    {sorted})
    UNION ALL
    (SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
    FROM candle_revisions
    WHERE symbol = $1 AND interval = $2 AND ts >= $4 AND ts < $5 {within} {level}
      AND as_of <= $3 AND superseded_at > $3
    {sorted})
