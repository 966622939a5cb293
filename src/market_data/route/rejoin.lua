-- Tells calls that the windows may not know of. KEYS: the life, then one sorted set a window. ARGV: a name for the life
-- if there is none, the ms of each window, then (member, ms at which it may have come) of each call.
-- Returns the life.
local life = redis.call('GET', KEYS[1])
if not life then
  life = ARGV[1]
  redis.call('SET', KEYS[1], life)
end
for i = 2, #KEYS do
  for a = #KEYS + 1, #ARGV, 2 do
    redis.call('ZADD', KEYS[i], ARGV[a + 1], ARGV[a])
  end
  if #ARGV > #KEYS then redis.call('PEXPIRE', KEYS[i], ARGV[i] * 2) end
end
return life
