-- The close of the final bar before [$3, $4), none farther away than $6, of days that of the adjustment $5; and whether
-- another provider than $7 has a final bar within.
SELECT (SELECT close FROM {table} AS known
        WHERE symbol = $1 AND interval = $2 AND ts < $3 AND ts >= $3 - $6::interval AND status <> 'partial'
          AND $5::text IS NOT NULL AND {same}
        ORDER BY ts DESC LIMIT 1) AS before,
       EXISTS (SELECT FROM {table} AS known
               WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts < $4 AND status <> 'partial'
                 AND provider <> $7 AND $5::text IS NOT NULL AND {same}) AS others
