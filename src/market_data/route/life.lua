-- What every script of the budget begins with: the time, and the life of a provider's windows.
-- A life is "name born run": a name, the ms at which it began, and the server's run. Another one begins where there is none,
-- and where the server has been started since: it may have lost calls, and replicas may have called without it.
local function milliseconds(told) -- '' for the time of Redis
  if told ~= '' then return tonumber(told) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function life_of(key, name, born)
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local life = redis.call('GET', key)
  if not life or string.match(life, '%w+$') ~= run then
    life = string.format('%s %.0f %s', name, born, run)
    redis.call('SET', key, life)
  end
  return life, tonumber(string.match(life, ' (%d+) '))
end

