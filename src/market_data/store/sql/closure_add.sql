-- Announces a closure ($3 NULL) or an early close; no row where the day has one that is not revoked.
INSERT INTO calendar_changes (calendar, day, closes, reason, learned_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (calendar, day) WHERE revoked_at IS NULL DO NOTHING
RETURNING id, calendar, day, closes, reason, learned_at, revoked_at
