-- Spends one call if every window has room. KEYS: one sorted set a window. ARGV: member, then calls and
-- seconds of each window. Returns 0 if spent, else the milliseconds until the fullest window has room.
-- A window is a sliding log of its calls: no stretch of its length ever holds more than its calls.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wait = 0
for i, key in ipairs(KEYS) do
  local calls, length = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1]) * 1000
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - length)
  local used = redis.call('ZCARD', key)
  if used >= calls then
    local oldest = redis.call('ZRANGE', key, used - calls, used - calls, 'WITHSCORES')
    wait = math.max(wait, tonumber(oldest[2]) + length - now)
  end
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now, ARGV[1])
  redis.call('PEXPIRE', key, tonumber(ARGV[2 * i + 1]) * 1000)
end
return 0
