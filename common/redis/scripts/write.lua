-- write: every write of policy. Checks first, then writes all of it, so it is all or nothing.
--
-- KEYS 1 epoch:policy   2 hold   3 the hash, mitigation:<id> or alarm:<id>   4 its active set
--      5 jobs   6 alarms:log   7 audit
-- ARGV 1 the writer's epoch
--      2 1 when this announces something, so that a hold refuses it, else 0
--      3 revision: must be above the hash's, and becomes its field "revision"; "" for none
--      4 id, the member of the active set
--      5 what becomes of it: "stands" (in the active set, no TTL), "ended" (out of it, with the
--        TTL of 8), "" (as it is)
--      6 score in the active set
--      7 audit keeps this many ms   8 TTL of the hash once ended, in ms
--      9 jobs keeps this many ms   10 alarms:log keeps this many entries
--      11 to 15 how many values follow: scopes, hash, job, log, audit
--      16… hold scopes that apply ("all", "peer:x" …), then name, value, name, value … of the
--          hash, of one entry in jobs, in alarms:log and in audit; none of one: no entry
-- Gives {id of the job's entry or "", TIME in ms}. Refuses with FENCED (another leader's epoch),
-- HELD (a hold on one of the scopes), STALE (the hash has this revision or a later one).
local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then
    return redis.error_reply('FENCED the epoch is ' .. (epoch or 'gone') .. ', not ' .. ARGV[1])
end

local at = 15
local function values(count)
    local list = {}
    for i = 1, tonumber(count) do
        list[i] = ARGV[at + i]
    end
    at = at + #list
    return list
end
local scopes, hash, job = values(ARGV[11]), values(ARGV[12]), values(ARGV[13])
local log, audit = values(ARGV[14]), values(ARGV[15])

-- A key of another type would stop the writes half way.
local types = {nil, 'hash', 'hash', 'zset', 'stream', 'stream', 'stream'}
for i = 2, 7 do
    local found = redis.call('TYPE', KEYS[i]).ok
    if found ~= 'none' and found ~= types[i] then
        return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found)
    end
end

if ARGV[2] == '1' then
    for _, scope in ipairs(scopes) do
        local why = redis.call('HGET', KEYS[2], scope)
        if why then
            local is_json, told = pcall(cjson.decode, why)
            if is_json and type(told) == 'table' and type(told.who) == 'string' then
                why = 'by ' .. told.who
                if type(told.why) == 'string' and told.why ~= '' then
                    why = why .. ', ' .. told.why
                end
            end
            return redis.error_reply('HELD ' .. scope .. ': ' .. string.gsub(why, '%c', ' '))
        end
    end
end
if ARGV[3] ~= '' then
    local stored = redis.call('HGET', KEYS[3], 'revision')
    if stored and (tonumber(stored) or math.huge) >= tonumber(ARGV[3]) then
        return redis.error_reply('STALE revision ' .. stored .. ' is there already')
    end
    hash[#hash + 1] = 'revision'
    hash[#hash + 1] = ARGV[3]
end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local function before(keep_ms)
    return string.format('%.0f', math.max(now_ms - tonumber(keep_ms), 0))
end

if #hash > 0 then
    redis.call('HSET', KEYS[3], unpack(hash))
end
if ARGV[5] == 'stands' then
    redis.call('ZADD', KEYS[4], ARGV[6], ARGV[4])
    redis.call('PERSIST', KEYS[3])
elseif ARGV[5] == 'ended' then
    redis.call('ZREM', KEYS[4], ARGV[4])
    redis.call('PEXPIRE', KEYS[3], ARGV[8])
end
local job_id = ''
if #job > 0 then
    job_id = redis.call('XADD', KEYS[5], 'MINID', '~', before(ARGV[9]), '*', unpack(job))
end
if #log > 0 then
    redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[10], '*', unpack(log))
end
if #audit > 0 then
    redis.call('XADD', KEYS[7], 'MINID', '~', before(ARGV[7]), '*', unpack(audit))
end
return {job_id, string.format('%.0f', now_ms)}
