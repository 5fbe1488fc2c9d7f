-- resign: give the lease up, if it is ours.
--
-- KEYS 1 lease:policy
-- ARGV 1 holder, as given to lead
-- Gives 1 when the lease was ours, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
return redis.call('DEL', KEYS[1])
