-- Adds vacancies of the series ($1, $2), one for each row of the arrays $3 to $11; providers are joined with commas.
INSERT INTO vacancies (symbol, interval, start_ts, end_ts, providers, confirmed, newer, looks, look_at, first_at, as_of)
SELECT $1, $2, start_ts, end_ts, string_to_array(providers, ','), confirmed, newer, looks, look_at, first_at, as_of
FROM unnest($3::timestamptz[], $4::timestamptz[], $5::text[], $6::boolean[], $7::boolean[], $8::integer[],
            $9::timestamptz[], $10::timestamptz[], $11::timestamptz[])
     AS found (start_ts, end_ts, providers, confirmed, newer, looks, look_at, first_at, as_of)
