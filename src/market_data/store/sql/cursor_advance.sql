-- Moves a cursor forward; it never goes back.
INSERT INTO ingestion_cursor AS known (symbol, interval, source, through, last_bar, asked_at, known_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT (symbol, interval, source) DO UPDATE
SET through = greatest(known.through, EXCLUDED.through),
    last_bar = greatest(known.last_bar, EXCLUDED.last_bar),
    asked_at = greatest(known.asked_at, EXCLUDED.asked_at),
    known_at = EXCLUDED.known_at
