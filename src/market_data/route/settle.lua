-- Notes that spent calls are over. KEYS: the windows. ARGV: the time in ms ('' for that of Redis), the members.
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
for _, key in ipairs(KEYS) do
  for a = 2, #ARGV do
    redis.call('ZADD', key, 'XX', now, ARGV[a])
  end
end
return 0
