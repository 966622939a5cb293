-- Part of other queries, in the place of a table: its bars, and quarantined ones where it has none. Of several for one
-- label it is the one that nobody contradicts, or else the first received.
(
    SELECT symbol, interval, ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
    FROM {table}
    UNION ALL
    SELECT symbol, interval, ts, open, high, low, close, volume, provider, first_received, 'quarantined', 0, adjustment,
           volume_scope
    FROM quarantined_bars AS known
    WHERE decision IS NULL AND reason <> 'differs'
      AND NOT EXISTS (
          SELECT FROM {table} AS stored
          WHERE stored.symbol = known.symbol AND stored.interval = known.interval AND stored.ts = known.ts
      ) AND NOT EXISTS (
          SELECT FROM quarantined_bars AS better
          WHERE better.symbol = known.symbol AND better.interval = known.interval AND better.ts = known.ts
            AND better.decision IS NULL AND better.reason <> 'differs'
            AND (better.contradicted, better.id) < (known.contradicted, known.id)
      )
) AS bar_or_quarantined