-- Spends one call if every window has room. KEYS: one sorted set a window. ARGV: the time in ms ('' for that
-- of Redis), member, ms for which the call is held, then calls and ms of each window. Returns 0 if spent, else
-- the milliseconds until the fullest window has room.
-- A window is a sliding log of its calls, each at the latest moment at which it may have reached the provider:
-- so no stretch of the window's length holds more than its calls on the provider's side of the wire either.
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local wait = 0
for i, key in ipairs(KEYS) do
  local calls, length = tonumber(ARGV[2 * i + 2]), tonumber(ARGV[2 * i + 3])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - length)
  local used = redis.call('ZCARD', key)
  if used >= calls then
    local oldest = redis.call('ZRANGE', key, used - calls, used - calls, 'WITHSCORES')
    -- one that is still under way is soon over, most likely
    wait = math.max(wait, math.min(tonumber(oldest[2]), now) + length - now)
  end
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[3], ARGV[2])
  redis.call('PEXPIRE', key, ARGV[2 * i + 3] + ARGV[3])
end
return 0
