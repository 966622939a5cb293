-- versions_renames
-- The renames since a version that others recorded, newest first: of each which symbols became which.
SELECT source_meta::text AS source_meta
FROM universe_versions
WHERE created_at > $1
  AND (source_meta ->> 'source' = 'rename' OR source_meta ? 'renamed')
ORDER BY created_at DESC
