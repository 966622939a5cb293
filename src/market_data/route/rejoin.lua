-- Tells calls that the windows may not know of. KEYS: the life, then one sorted set a window. ARGV: the time in ms ('' for
-- that of Redis), a name for a new life and the ms at which it is born ('' for now), the ms of each window, then (member, in
-- how many ms it may come: less than 0 is ago) of each call: clocks of replicas differ. Returns the life.
local now = milliseconds(ARGV[1])
local life = life_of(KEYS[1], ARGV[2], tonumber(ARGV[3]) or now)
local first = #KEYS + 3 -- of the calls
for i = 2, #KEYS do
  for a = first, #ARGV, 2 do
    redis.call('ZADD', KEYS[i], now + ARGV[a + 1], ARGV[a])
  end
  if #ARGV >= first then redis.call('PEXPIRE', KEYS[i], ARGV[i + 2] * 2) end
end
return life
