-- Spends one call if every window has room. KEYS: the life, then one sorted set a window. ARGV: the time in ms ('' for
-- that of Redis), member, ms for which the call is held, the life that the caller knows ('': none yet), a name for a new
-- one, then calls and ms of each window. Returns {0, life} if spent, {ms until the fullest window has room, life}, or
-- {-1} if this is not the life that the caller knows: Redis has forgotten calls, and the caller has to tell its own.
-- A window is a sliding log of its calls, each at the latest moment at which it may have reached the provider:
-- so no stretch of the window's length holds more than its calls on the provider's side of the wire either.
local life = redis.call('GET', KEYS[1])
if ARGV[4] ~= '' and life ~= ARGV[4] then return {-1} end
if not life then
  life = ARGV[5]
  redis.call('SET', KEYS[1], life)
end
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local wait = 0
for i = 2, #KEYS do
  local key, calls, length = KEYS[i], tonumber(ARGV[2 * i + 2]), tonumber(ARGV[2 * i + 3])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - length)
  local used = redis.call('ZCARD', key)
  if used >= calls then
    local oldest = redis.call('ZRANGE', key, used - calls, used - calls, 'WITHSCORES')
    -- one that is still under way is soon over, most likely
    wait = math.max(wait, math.min(tonumber(oldest[2]), now) + length - now)
  end
end
if wait > 0 then return {wait, life} end
for i = 2, #KEYS do
  redis.call('ZADD', KEYS[i], now + ARGV[3], ARGV[2])
  redis.call('PEXPIRE', KEYS[i], ARGV[2 * i + 3] + ARGV[3])
end
return {0, life}
