-- The series has changed at $3; its writer holds the lock.
UPDATE series_heads SET as_of = $3 WHERE symbol = $1 AND interval = $2
