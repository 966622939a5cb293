-- Notes that a spent call is over. KEYS: its windows. ARGV: the time in ms ('' for that of Redis), member.
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, 'XX', now, ARGV[2])
end
return 0
