-- Claims a slot of the sweep. KEYS: the slot. ARGV: who, ms after which a sweep that is not over is begun anew.
-- Returns Redis's time in ms if the slot is the caller's now, 0 if it has been swept, -1 while another sweeps.
local state = redis.call('GET', KEYS[1])
if state then return state == 'done' and 0 or -1 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local time = redis.call('TIME')
return time[1] * 1000 + math.floor(time[2] / 1000)
