-- Part of other queries: the bars of a series that open from {start} to before {end}, each part in order; with
-- $3, as they were known then.
    (SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
    FROM {table}
    WHERE symbol = $1 AND interval = $2 AND ts >= {start} AND ts < {end}
      AND ($3::timestamptz IS NULL OR as_of <= $3)
    ORDER BY {order})
    UNION ALL
    (SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
    FROM candle_revisions
    WHERE symbol = $1 AND interval = $2 AND ts >= {start} AND ts < {end} AND as_of <= $3 AND superseded_at > $3
    ORDER BY {order})
