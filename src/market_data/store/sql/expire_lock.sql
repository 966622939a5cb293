-- Whether this session deletes what is old: not where another does.
SELECT pg_try_advisory_lock(hashtext('market-data expire'))
