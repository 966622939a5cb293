-- Revokes an announcement, at $2 but never before it was made; no row where none of that id is in force.
UPDATE calendar_changes
SET revoked_at = greatest($2, learned_at)
WHERE id = $1 AND revoked_at IS NULL
RETURNING id, calendar, day, closes, reason, learned_at, revoked_at
