-- A series that nobody has written yet.
INSERT INTO series_heads (symbol, interval) VALUES ($1, $2) ON CONFLICT DO NOTHING
