-- Keeps what an operator decided about a quarantined bar: $2 is `accepted` or `rejected`, by $3 at $4, since $5.
UPDATE quarantined_bars
SET decision = $2, decided_by = $3, decided_at = $4, decided_why = $5, look_at = NULL
WHERE id = $1
