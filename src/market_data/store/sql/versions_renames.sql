-- versions_renames
-- The versions since a moment that renamed something, oldest first.
SELECT source_meta::text AS source_meta
FROM universe_versions
WHERE created_at > $1
  AND (source_meta ->> 'source' = 'rename' OR source_meta ? 'renamed')
ORDER BY created_at
