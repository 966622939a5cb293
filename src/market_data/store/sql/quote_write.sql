-- Stores quotes; the same trade told again by the same provider only moves as_of. Returns the symbols of those that
-- say something new. One of a symbol that was renamed meanwhile is left out: the new name is asked for soon.
WITH told AS (
    SELECT *
    FROM unnest($1::text[], $2::float8[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::float8[],
                $7::float8[], $8::float8[], $9::float8[], $10::float8[])
         AS quote (symbol, price, ts, provider, as_of, bid, ask, bid_size, ask_size, volume)
    WHERE NOT EXISTS (
        SELECT FROM symbol_renames AS gone
        WHERE gone.former = quote.symbol AND NOT EXISTS (SELECT FROM symbol_universe AS u WHERE u.symbol = gone.former)
    )
), known AS (
    SELECT symbol, stored.price, stored.bid, stored.ask
    FROM quotes_l1 AS stored JOIN told USING (symbol, ts, provider)
), written AS (
    INSERT INTO quotes_l1 (symbol, price, ts, provider, as_of, bid, ask, bid_size, ask_size, volume)
    SELECT symbol, price, ts, provider, as_of, bid, ask, bid_size, ask_size, volume
    FROM told
    ON CONFLICT (symbol, ts, provider) DO UPDATE
    SET price = EXCLUDED.price, as_of = EXCLUDED.as_of, bid = EXCLUDED.bid, ask = EXCLUDED.ask,
        bid_size = EXCLUDED.bid_size, ask_size = EXCLUDED.ask_size, volume = EXCLUDED.volume
)
SELECT symbol
FROM told
WHERE NOT EXISTS (
    SELECT FROM known
    WHERE known.symbol = told.symbol
      AND (known.price, known.bid, known.ask) IS NOT DISTINCT FROM (told.price, told.bid, told.ask)
)
