-- desired: what must stand, in one reading, so that no write falls between its parts.
--
-- KEYS 1 hold   2 jobs   3 stops   4 mitigations:active   5 epoch:policy
-- ARGV 1 what the names of mitigation hashes begin with ("weir:mitigation:")
-- Gives {TIME in ms, epoch ("0" for none), last id of jobs, last id of stops ("0-0" for none),
--        hold as [scope, why …], [[id, [field, value …]] …]}, in the order of the active set. An id
-- whose hash is gone has no fields.
local function last_id(key)
    if redis.call('EXISTS', key) == 0 then
        return '0-0'
    end
    local info = redis.call('XINFO', 'STREAM', key)
    for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then
            return info[i + 1]
        end
    end
end

local mitigations = {}
for i, id in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
    mitigations[i] = {id, redis.call('HGETALL', ARGV[1] .. id)}
end
local time = redis.call('TIME')
return {
    string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)),
    redis.call('GET', KEYS[5]) or '0',
    last_id(KEYS[2]),
    last_id(KEYS[3]),
    redis.call('HGETALL', KEYS[1]),
    mitigations,
}
