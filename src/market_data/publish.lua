-- Adds publications of some series, of each unless somebody has published of it meanwhile; see stream.py.
-- KEYS: the stream, the heads, the life. ARGV: how many to keep, then of each series: its name, its head as the caller
-- knows it, its head afterwards, when it was written (epoch ms), how many publications, and (bar, as_of, body) of each.
-- Returns for each series '' if they were added, else the head as it is.

-- A Redis that was started again may have forgotten publications that somebody has seen, so that numbers would be
-- used twice: each run of a server gives positions of its own.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local life, number = 0, 0
if newest then
    life, number = string.match(newest[1], '(%d+)-(%d+)')
end
if not newest or redis.call('GET', KEYS[3]) ~= run then
    local time = redis.call('TIME')
    life, number = math.max(time[1] * 1000 + math.floor(time[2] / 1000), life + 1), 0
    redis.call('SET', KEYS[3], run)
end

local told, a = {}, 2
while a < #ARGV do
    local series, before, after, at, count = ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], tonumber(ARGV[a + 4])
    local head = redis.call('HGET', KEYS[2], series) or '0'
    if head == before then
        for i = a + 5, a + 2 + 3 * count, 3 do
            number = number + 1
            redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], string.format('%.0f-%.0f', life, number),
                'series', series, 'bar', ARGV[i], 'as_of', ARGV[i + 1], 'at', at, 'body', ARGV[i + 2])
        end
        redis.call('HSET', KEYS[2], series, after)
        head = ''
    end
    told[#told + 1] = head
    a = a + 5 + 3 * count
end
return told
