-- Ends a lease if it is still the job's own. KEYS: the lease. ARGV: the job's mark.
-- A job that waited too long may find that a newer one of its key holds the lease: that one keeps it.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
