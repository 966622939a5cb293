-- Gives a consumer the next entries of a group. KEYS: the streams, the most urgent first. ARGV: group, consumer, how
-- many in all, how many streams in a row belong together, then how many of each stream are its share. What a stream
-- leaves goes to those that it belongs to, and what these leave to all, in their order.
-- Returns {stream's number, id, body} of each, and the newest id of each stream: wait for what comes after it.
local function read(i, count)
  return redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', count, 'STREAMS', KEYS[i], '>')
end

local left, lanes, claimed = tonumber(ARGV[3]), tonumber(ARGV[4]), {}
local function take(i, most)
  local count = math.min(left, most)
  if count <= 0 then return 0 end
  local reply = read(i, count)
  if reply and reply.err then -- this Redis is new, or has come back empty
    redis.call('XGROUP', 'CREATE', KEYS[i], ARGV[1], '0', 'MKSTREAM')
    reply = read(i, count)
  end
  local entries = reply and reply[1][2] or {}
  for _, entry in ipairs(entries) do
    local body = ''
    for f = 1, #entry[2], 2 do
      if entry[2][f] == 'job' then body = entry[2][f + 1] end
    end
    claimed[#claimed + 1] = {i, entry[1], body}
  end
  left = left - #entries
  return #entries
end

for first = 1, #KEYS, lanes do
  local unused = 0
  for i = first, first + lanes - 1 do
    local share = tonumber(ARGV[4 + i])
    unused = unused + share - take(i, share)
  end
  for i = first, first + lanes - 1 do unused = unused - take(i, unused) end
end
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
