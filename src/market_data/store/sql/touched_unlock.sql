-- Another session may build bars.
SELECT pg_advisory_unlock(hashtext('market-data refresh'))
