-- Whether this session builds bars now: not where another does, nor without TimescaleDB.
SELECT CASE WHEN to_regprocedure('candles_refresh(integer)') IS NULL THEN false
            ELSE pg_try_advisory_lock(hashtext('market-data refresh')) END
