-- One version of the universe.
SELECT version_tag, source_meta::text AS source_meta, created_at, content_hash, members
FROM universe_versions
WHERE version_tag = $1
