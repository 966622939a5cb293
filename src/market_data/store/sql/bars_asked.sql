-- Part of other queries: whether an answer of {source} that was asked for at {asked} may correct a final bar: the newest that was
-- asked for counts. It is that if no answer of the series has come that was asked for later; else where the bar was learned
-- before it was asked for. NULL: nothing is newer. A millisecond is given for clocks that stand still, a minute after {now},
-- our clock, for those of other replicas: a bar from farther in the future was learned by a clock that was wrong.
({asked}::timestamptz IS NULL
 OR {asked}::timestamptz >= (SELECT asked_at FROM ingestion_cursor WHERE symbol = $1 AND interval = $2 AND source = {source})
 OR known.as_of <= {asked}::timestamptz + interval '1 millisecond'
 OR known.as_of > {now}::timestamptz + interval '1 minute')
