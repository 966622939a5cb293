-- Another session may delete what is old.
SELECT pg_advisory_unlock(hashtext('market-data expire'))
