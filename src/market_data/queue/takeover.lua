-- Gives a consumer what others have claimed and given no sign of life of. KEYS: the streams, the most urgent first.
-- ARGV: group, consumer, ms without a sign of life, how many at most, how many claims of each stream are looked at.
-- Returns {stream's number, id, body, how often it was claimed before} of each.
local left, taken = tonumber(ARGV[4]), {}
for i, key in ipairs(KEYS) do
  local pending = redis.pcall('XPENDING', key, ARGV[1], '-', '+', ARGV[5])
  for _, one in ipairs(pending.err and {} or pending) do
    local id, idle, times = one[1], tonumber(one[3]), tonumber(one[4])
    if left > 0 and idle >= tonumber(ARGV[3]) then
      local entry = redis.call('XRANGE', key, id, id)[1]
      if entry then
        redis.call('XCLAIM', key, ARGV[1], ARGV[2], ARGV[3], id)
        local body = ''
        for f = 1, #entry[2], 2 do
          if entry[2][f] == 'job' then body = entry[2][f + 1] end
        end
        taken[#taken + 1] = {i, id, body, times}
        left = left - 1
      else -- dropped meanwhile, past the bound of the stream
        redis.call('XACK', key, ARGV[1], id)
      end
    end
  end
end
return taken
