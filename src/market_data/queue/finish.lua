-- Ends claimed entries. KEYS: a stream and a lease for each of them. ARGV: group, ms for which it is remembered that a
-- job was done, then (id, body, mark of the lease, how) of each. How is `done`; `again`: somebody else shall do it;
-- `drop`: it leaves the queue, but its lease runs out by itself.
-- A lease keeps when its job was done: a sweep that has looked at the cursors before does not know of it yet.
-- The body is compared, since a Redis that has come back empty may have given the id away again.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
for i = 1, #KEYS / 2 do
  local key, lease = KEYS[2 * i - 1], KEYS[2 * i]
  local id, body, mark, how = unpack(ARGV, 4 * i - 1, 4 * i + 2)
  local entry = redis.call('XRANGE', key, id, id)[1]
  local same = false
  for f = 1, entry and #entry[2] or 0, 2 do
    same = same or (entry[2][f] == 'job' and entry[2][f + 1] == body)
  end
  same = same or (entry and body == '') -- one that is no job
  if same then
    redis.pcall('XACK', key, ARGV[1], id)
    redis.call('XDEL', key, id)
    if how == 'again' then redis.call('XADD', key, '*', 'job', body) end
  end
  if how == 'done' and redis.call('GET', lease) == mark then
    redis.call('SET', lease, 'done:' .. now, 'PX', ARGV[2])
  end
end
return now
