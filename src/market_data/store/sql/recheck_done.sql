-- The recheck of $3 sessions later of the series ($1, $2) has come to the session of $4.
INSERT INTO rechecks AS known (symbol, interval, sessions, through)
SELECT symbol, $2, $3, $4 FROM unnest($1::text[]) AS wanted (symbol)
ON CONFLICT (symbol, interval, sessions) DO UPDATE SET through = greatest(known.through, EXCLUDED.through)
