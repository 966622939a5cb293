-- Gives a consumer the next entries of a group. KEYS: the streams, the most urgent first. ARGV: group, consumer, how
-- many in all, then how many of each stream are its share; what a stream leaves goes to the others, in their order.
-- Returns {stream's number, id, body} of each, and the newest id of each stream: wait for what comes after it.
local function read(i, count)
  return redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', count, 'STREAMS', KEYS[i], '>')
end

local left, claimed = tonumber(ARGV[3]), {}
local function take(i, count)
  if count <= 0 then return end
  local reply = read(i, count)
  if reply and reply.err then -- this Redis is new, or has come back empty
    redis.call('XGROUP', 'CREATE', KEYS[i], ARGV[1], '0', 'MKSTREAM')
    reply = read(i, count)
  end
  for _, entry in ipairs(reply and reply[1][2] or {}) do
    local body = ''
    for f = 1, #entry[2], 2 do
      if entry[2][f] == 'job' then body = entry[2][f + 1] end
    end
    claimed[#claimed + 1] = {i, entry[1], body}
    left = left - 1
  end
end

for i = 1, #KEYS do take(i, math.min(left, tonumber(ARGV[3 + i]))) end
for i = 1, #KEYS do take(i, left) end

local newest = {}
for i, key in ipairs(KEYS) do
  newest[i] = '0-0'
  if #claimed == 0 then
    local info = redis.call('XINFO', 'STREAM', key)
    for f = 1, #info, 2 do
      if info[f] == 'last-generated-id' then newest[i] = info[f + 1] end
    end
  end
end
return {claimed, newest}
