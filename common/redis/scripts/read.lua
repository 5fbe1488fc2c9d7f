-- read: what so many mitigations are now, in one answer instead of one each.
--
-- ARGV 1 what the names of mitigation hashes begin with ("weir:mitigation:")   2 … their ids
-- Gives for each id, in their order, the field pb of its hash: nil where the hash is gone; an empty one where it is
-- without that field, or the key is of another type. Past PAGE_BYTES the answer ends, and then has fewer than were
-- asked for. Any other error is the server's trouble, says nothing of the key, and is the answer.
local PAGE_BYTES = 1048576
local found, len = {}, 0
for i = 2, #ARGV do
    local key = ARGV[1] .. ARGV[i]
    local pb = redis.pcall('HGET', key, 'pb')
    if type(pb) == 'table' and not string.find(pb.err, 'WRONGTYPE', 1, true) then
        return pb
    end
    if type(pb) == 'table' or (not pb and redis.call('EXISTS', key) == 1) then
        pb = ''
    end
    found[i - 1] = pb
    len = len + (pb and #pb or 0)
    if len >= PAGE_BYTES then
        break
    end
end
return found
