-- Spends calls as long as every window has room. KEYS: the life, then one sorted set a window. ARGV: the time in ms ('' for
-- that of Redis), the life that the caller knows ('': none yet), a name for a new one, calls and ms of each window, then
-- (member, ms for which it is held) of each call. Returns {how many were spent, ms until the fullest window has room for
-- the next, life}; or {-1} if this is not the life that the caller knows: Redis has forgotten calls, and the caller has to
-- tell its own.
-- A window is a sliding log of its calls, each at the latest moment at which it may have reached the provider:
-- so no stretch of the window's length holds more than its calls on the provider's side of the wire either.
local life = redis.call('GET', KEYS[1])
if ARGV[2] ~= '' and life ~= ARGV[2] then return {-1} end
if not life then
  life = ARGV[3]
  redis.call('SET', KEYS[1], life)
end
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local first = 2 * #KEYS + 2 -- of the calls
local wanted = (#ARGV - first + 1) / 2
local room, wait = wanted, 0
for i = 2, #KEYS do
  local key, calls, length = KEYS[i], tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - length)
  local used = redis.call('ZCARD', key)
  room = math.min(room, math.max(calls - used, 0))
  if used >= calls then
    local oldest = redis.call('ZRANGE', key, used - calls, used - calls, 'WITHSCORES')
    -- one that is still under way is soon over, most likely
    wait = math.max(wait, math.min(tonumber(oldest[2]), now) + length - now)
  end
end
for a = first, first + 2 * room - 1, 2 do
  for i = 2, #KEYS do
    redis.call('ZADD', KEYS[i], now + ARGV[a + 1], ARGV[a])
    redis.call('PEXPIRE', KEYS[i], ARGV[2 * i + 1] + ARGV[a + 1])
  end
end
return {room, wait, life}
