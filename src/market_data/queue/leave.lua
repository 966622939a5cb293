-- Forgets a consumer where it holds nothing: what it held would be forgotten with it. KEYS: the streams. ARGV: group,
-- consumer.
for _, key in ipairs(KEYS) do
  local held = redis.pcall('XPENDING', key, ARGV[1], '-', '+', 1, ARGV[2])
  if not held.err and #held == 0 then
    redis.call('XGROUP', 'DELCONSUMER', key, ARGV[1], ARGV[2])
  end
end
return 0
