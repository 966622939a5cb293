-- Notes that spent calls are over. KEYS: the windows. ARGV: the time in ms ('' for that of Redis), the members.
local now = milliseconds(ARGV[1])
for _, key in ipairs(KEYS) do
  for a = 2, #ARGV do
    redis.call('ZADD', key, 'XX', now, ARGV[a])
  end
end
return 0
