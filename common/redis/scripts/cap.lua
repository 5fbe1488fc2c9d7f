-- cap: takes the oldest entries of a stream away until it keeps to its bytes. A server whose memory is
-- full runs this too, as nothing here makes anything grow.
--
-- KEYS 1 stream
-- ARGV 1 the most bytes that it may have
--      2 '1': the server refused a write for want of memory. If that is still so, half goes at least
-- Gives the bytes it had, and how many entries went.
local function bytes_now()
    return redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', '0') or 0
end

-- Others may have made room since: the same refusal reaches many writers.
local function is_full()
    local info = redis.call('INFO', 'memory')
    local used = tonumber(info:match('used_memory:(%d+)')) or 0
    local most = tonumber(info:match('maxmemory:(%d+)')) or 0
    return most > 0 and used > most - most / 16
end

local most = tonumber(ARGV[1])
local had = bytes_now()
if ARGV[2] == '1' and is_full() then
    most = math.min(most, had / 2)
end
-- Entries differ in size, so what goes is measured again. A little more goes than must, so that not
-- every write is followed by another trim.
local bytes, gone = had, 0
for _ = 1, 8 do
    if bytes <= most then
        break
    end
    local keep = math.floor(redis.call('XLEN', KEYS[1]) * most / bytes * 0.875)
    gone = gone + redis.call('XTRIM', KEYS[1], 'MAXLEN', keep)
    bytes = bytes_now()
end
return {had, gone}
