-- The newest announcements, revoked ones too, newest first.
SELECT id, calendar, day, closes, reason, learned_at, revoked_at
FROM calendar_changes
ORDER BY id DESC
LIMIT $1
