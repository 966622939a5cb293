-- Records what the universe is now as a version; nothing where the tag is taken.
INSERT INTO universe_versions (version_tag, source_meta, content_hash, members)
VALUES ($1, $2::jsonb, $3, $4)
ON CONFLICT (version_tag) DO NOTHING
RETURNING version_tag, source_meta::text AS source_meta, created_at, content_hash, members
