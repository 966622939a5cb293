-- The steps of the schema that this database has had.
SELECT part, version FROM schema_version
