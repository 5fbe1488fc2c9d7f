-- top: one writer's part of the heaviest keys of a count, replaced at once. A key lives in one shard,
-- so writers do not share members.
--
-- KEYS 1 top:<count>
-- ARGV 1 lifetime in ms
--      2 '1': whatever else is there goes too, as left by an earlier run
--      3 how many of this writer's members are gone; then these
--      … then score and member of each that is there now
-- Gives how many there are.
if ARGV[2] == '1' then
    redis.call('DEL', KEYS[1])
end
local gone = tonumber(ARGV[3])
if gone > 0 then
    redis.call('ZREM', KEYS[1], unpack(ARGV, 4, 3 + gone))
end
if #ARGV > 3 + gone then
    redis.call('ZADD', KEYS[1], unpack(ARGV, 4 + gone))
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('ZCARD', KEYS[1])
