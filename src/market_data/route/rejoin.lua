-- Tells calls that the windows may not know of. KEYS: the life, then one sorted set a window. ARGV: the time in ms ('' for
-- that of Redis), a name for a new life and the ms at which it is born ('' for now), the ms of each window, then (member, ms
-- at which it may have come) of each call. Returns the life.
local life = life_of(KEYS[1], ARGV[2], tonumber(ARGV[3]) or milliseconds(ARGV[1]))
local first = #KEYS + 3 -- of the calls
for i = 2, #KEYS do
  for a = first, #ARGV, 2 do
    redis.call('ZADD', KEYS[i], ARGV[a + 1], ARGV[a])
  end
  if #ARGV >= first then redis.call('PEXPIRE', KEYS[i], ARGV[i + 2] * 2) end
end
return life
