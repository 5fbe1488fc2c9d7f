-- lead: take or renew the lease of the acting policy.
--
-- KEYS 1 lease:policy   2 epoch:policy
-- ARGV 1 holder, "name:runid" (a run id, so that a restarted process is not taken for itself)
--      2 lease in ms    3 the epoch this holder leads with, 0 when it does not lead
--      4 the last epoch that it has seen, 0 for none: it does not lead where there is none any more
-- Gives {1 leading or 0, epoch, name of the leader ("" for none), TIME in ms}; epoch and time as
-- text.
--
-- A new leader's epoch is max(old + 1, TIME in ms), so it never goes back, not even where the
-- state was lost. Who renews keeps its epoch. A holder that names an epoch that is not the stored
-- one does not lead: it must ask again with 0, and then leads with a new one.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local holder, lease_ms, mine = ARGV[1], ARGV[2], ARGV[3]
local leader = redis.call('GET', KEYS[1])
local epoch = redis.call('GET', KEYS[2]) or '0'

local function answer(leading)
    local name = leader and (string.match(leader, '^(.*):[^:]*$') or leader) or ''
    return {leading, epoch, name, string.format('%.0f', now_ms)}
end

if leader and leader ~= holder then
    return answer(0)
end
-- The state was emptied: who led has it in memory and goes first, so that nobody begins with nothing.
if ARGV[4] ~= '0' and epoch == '0' then
    return answer(0)
end
if mine ~= '0' and mine ~= epoch then
    return answer(0)
end
if mine == '0' then
    local old = tonumber(epoch)
    -- Past 2^53 a Lua number no longer tells old from old + 1.
    if not old or old >= 9007199254740991 then
        return redis.error_reply('ERR the stored epoch is not a number that can be followed')
    end
    epoch = string.format('%.0f', math.max(old + 1, now_ms))
    redis.call('SET', KEYS[2], epoch)
end
redis.call('SET', KEYS[1], holder, 'PX', lease_ms)
leader = holder
return answer(1)
