-- How many notes of buckets to build there are.
SELECT count(*) FROM candles_touched
