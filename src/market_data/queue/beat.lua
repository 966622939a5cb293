-- A sign of life of what a consumer has claimed. KEYS: the streams. ARGV: group, consumer, then (stream's number, id)
-- of each. Returns the ids that are not its own any more, or that are gone.
local lost = {}
for a = 3, #ARGV, 2 do
  local key, id = KEYS[tonumber(ARGV[a])], ARGV[a + 1]
  local pending = redis.pcall('XPENDING', key, ARGV[1], id, id, 1, ARGV[2])
  if pending.err or #pending == 0 then
    lost[#lost + 1] = id
  else
    redis.call('XCLAIM', key, ARGV[1], ARGV[2], 0, id, 'JUSTID')
  end
end
return lost
