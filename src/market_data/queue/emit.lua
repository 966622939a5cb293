-- Adds the jobs whose lease is free. KEYS: the stream, then a lease a job. ARGV: how many entries to keep, when the
-- cursors were read by which the jobs are due (Redis's time in ms, '': just now), then (mark, life in ms, body) of each.
-- Returns how many were added. A lease that was done later than now was noted before Redis's clock was set back.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local made = 0
for i = 2, #KEYS do
  local a = 3 * i - 3
  local lease = redis.call('GET', KEYS[i])
  local done = lease and string.match(lease, '^done:(%d+)$')
  if not lease or (done and (ARGV[2] == '' or tonumber(done) <= tonumber(ARGV[2]) or tonumber(done) > now)) then
    redis.call('SET', KEYS[i], ARGV[a], 'PX', ARGV[a + 1])
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'job', ARGV[a + 2])
    made = made + 1
  end
end
return made
