-- The closes of the final bars next to [$3, $4), none farther away than $6, of days those of the adjustment $5.
SELECT (SELECT close FROM {table} AS known
        WHERE symbol = $1 AND interval = $2 AND ts < $3 AND ts >= $3 - $6::interval AND status <> 'partial'
          AND $5::text IS NOT NULL AND {same}
        ORDER BY ts DESC LIMIT 1) AS before,
       (SELECT close FROM {table} AS known
        WHERE symbol = $1 AND interval = $2 AND ts >= $4 AND ts < $4 + $6::interval AND status <> 'partial'
          AND $5::text IS NOT NULL AND {same}
        ORDER BY ts LIMIT 1) AS after
