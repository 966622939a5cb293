-- Spends calls as long as every window has room. KEYS: the life, then one sorted set a window. ARGV: the time in ms ('' for
-- that of Redis), the life that the caller knows ('': none yet), a name for a new one, the ms for which a life is young,
-- calls and ms of each window, then (member, ms for which it is held) of each call. Returns {how many were spent, ms until
-- the fullest window has room for the next, life}; or {-1} where the windows may lack calls, and the caller has to tell its
-- own: this is not the life that it knows, or it knows none and others may not have sent theirs to this young one (a life
-- that is born after now is young: a question may have been asked before it and have waited for the server).
-- A window is a sliding log of its calls, each at the latest moment at which it may have reached the provider:
-- so no stretch of the window's length holds more than its calls on the provider's side of the wire either.
-- One that is noted much later than any call is held was noted before the clock was set back: it counts from now.
local LATEST = 600000
local now = milliseconds(ARGV[1])
local life, born = life_of(KEYS[1], ARGV[3], now)
if life ~= ARGV[2] and (ARGV[2] ~= '' or now - born < tonumber(ARGV[4])) then return {-1} end
local first = 2 * #KEYS + 3 -- of the calls
local wanted = (#ARGV - first + 1) / 2
local room, wait = wanted, 0
for i = 2, #KEYS do
  local key, calls, length = KEYS[i], tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - length)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. now + LATEST, '+inf')) do
    redis.call('ZADD', key, now, member)
  end
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
    redis.call('PEXPIRE', KEYS[i], ARGV[2 * i + 2] + ARGV[a + 1])
  end
end
return {room, wait, life}
