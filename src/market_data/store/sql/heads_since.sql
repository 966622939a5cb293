-- The series that have changed since $1, and when.
SELECT symbol, interval, as_of FROM series_heads WHERE as_of > $1
