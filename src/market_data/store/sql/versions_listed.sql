-- Versions of the universe, newest first.
SELECT version_tag, source_meta::text AS source_meta, created_at, content_hash, members
FROM universe_versions
ORDER BY created_at DESC, version_tag
LIMIT $1
