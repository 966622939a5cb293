-- How many announcements there are, and how many of them are revoked: they differ as soon as anything does.
SELECT count(*) AS made, count(revoked_at) AS revoked, coalesce(max(id), 0) AS newest
FROM calendar_changes
