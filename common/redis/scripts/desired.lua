-- desired: what must stand, a page at a time. What changes between two pages comes as a job with an id after that of
-- the first page; the order of the active set is by score, then by id, so whatever stays in it is read once.
--
-- KEYS 1 hold   2 jobs   3 stops   4 mitigations:active   5 epoch:policy
-- ARGV 1 what the names of mitigation hashes begin with ("weir:mitigation:")   2 most mitigations of a page
--      3 score and 4 id of the last one of the page before ("" and "" for the first page)
-- Gives {TIME in ms, epoch ("0" for none), last id of jobs, last id of stops ("0-0" for none),
--        hold as [scope, why …], [[id, pb] …], [] or [score, id] where there is more}. An id whose hash is gone has no
-- pb, one without that field, or a key of another type, an empty one.
local PAGE_BYTES = 1048576 -- of pb: a page ends with what passes it
local ID_MAX = 127

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

-- By octets, as the set orders them; "<" would go by the server's locale.
local function is_after(a, b)
    for i = 1, math.min(#a, #b) do
        if string.byte(a, i) ~= string.byte(b, i) then
            return string.byte(a, i) > string.byte(b, i)
        end
    end
    return #a > #b
end

local function first_after(score, id)
    local low, high = 0, redis.call('ZCARD', KEYS[4])
    while low < high do
        local middle = math.floor((low + high) / 2)
        local at = redis.call('ZRANGE', KEYS[4], middle, middle, 'WITHSCORES')
        local at_score = tonumber(at[2])
        if at_score > score or (at_score == score and is_after(at[1], id)) then
            high = middle
        else
            low = middle + 1
        end
    end
    return low
end

-- What may be given back as ARGV 4: an id that is none of ours must not stop the reading.
local function place_of(id)
    id = string.gsub(id, '%z.*', '\1')
    if #id > ID_MAX then
        id = string.sub(id, 1, ID_MAX - 1) .. '\255'
    end
    return id
end

local first = 0
if ARGV[4] ~= '' then
    first = first_after(tonumber(ARGV[3]), ARGV[4])
end
local found = redis.call('ZRANGE', KEYS[4], first, first + ARGV[2] - 1, 'WITHSCORES')
local mitigations, following, len = {}, {}, 0
for i = 1, #found, 2 do
    local key = ARGV[1] .. found[i]
    local pb = redis.pcall('HGET', key, 'pb')
    if type(pb) == 'table' then -- no hash: nobody can read it, and the others are read all the same
        mitigations[#mitigations + 1] = {found[i], ''}
    elseif pb then
        len = len + #pb
        mitigations[#mitigations + 1] = {found[i], pb}
    elseif redis.call('EXISTS', key) == 1 then
        mitigations[#mitigations + 1] = {found[i], ''}
    else
        mitigations[#mitigations + 1] = {found[i]}
    end
    if len >= PAGE_BYTES then
        break
    end
end
if first + #mitigations < redis.call('ZCARD', KEYS[4]) then
    following = {found[2 * #mitigations], place_of(found[2 * #mitigations - 1])}
end
local time = redis.call('TIME')
return {
    string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)),
    redis.call('GET', KEYS[5]) or '0',
    last_id(KEYS[2]),
    last_id(KEYS[3]),
    redis.call('HGETALL', KEYS[1]),
    mitigations,
    following,
}
