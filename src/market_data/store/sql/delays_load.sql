-- What is known of how late providers' bars arrive.
SELECT provider, exchange, interval, seconds, extract(epoch FROM newest)::bigint AS newest
FROM provider_delays
