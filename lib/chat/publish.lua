-- The script that stores and publishes one batch: everything or, after an error in its middle, a beginning.
--
-- KEYS: the stream, the topic's info, the publisher's position.
-- ARGV: 1 topic, 2 publisher, 3 the batch's first sequence number, 4 the highest one known to be
-- acknowledged, 5 seconds that the position outlives this batch (0: kept in the info, as long as the topic),
-- 6 PUBLISH or, in a cluster, SPUBLISH; then runs of messages that share user and timestamp: count, plain (1
-- or 0), user, the payload up to the message
-- (`{"user": "ana", "message": "`), timestamp, and the messages: each its bytes, and unless plain also the
-- inside of its JSON string.
--
-- Returns {position before, or nil; last sequence number stored; its ID's ms; its n; max_len; error, if
-- one ended the batch early}. A position is `sequence ms n`. Refuses with
-- `NOTOPIC` when the topic has no info, and with `HOLE` when the batch doesn't follow the position: one
-- before it is missing.

local stream, info, position = KEYS[1], KEYS[2], KEYS[3]
local topic, publisher, ttl, publish = ARGV[1], ARGV[2], ARGV[5], ARGV[6]
local first, acked = tonumber(ARGV[3]), tonumber(ARGV[4])
local call, type = redis.pcall, type

-- A function that puts numbers, each one more than the last, behind a prefix. Lua prints a number slowly:
-- so only one in ten is printed, the others get their last digit from a table.
local digits = {[0] = '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'}
local function numbers_behind(prefix)
  local tens
  return function(number)
    local last = number % 10
    if last == 0 or not tens then tens = number > 9 and prefix .. (number - last) / 10 or prefix end
    return tens .. digits[last]
  end
end

local about = redis.call('HMGET', info, 'ms', 'n', 'max_len', 'max_age')
if not about[1] and redis.call('EXISTS', info) == 0 then return redis.error_reply('NOTOPIC ' .. topic) end
local ms, n = tonumber(about[1] or 0), tonumber(about[2] or 0)

local before
if ttl == '0' then
  before = redis.call('HGET', info, 'import:' .. publisher)
else
  before = redis.call('GET', position)
end
local last = before and tonumber(before:match('^%d+')) or 0
if last < first - 1 then
  if acked < first - 1 then return redis.error_reply('HOLE ' .. last) end
  last = first - 1
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > ms then ms = now end
local entry_id = numbers_behind(string.format('%.0f-', ms))

-- Somebody else's entry may be ahead of ours: go on from there, with the next n all the same.
local looked = false
local function pass_last_id()
  looked = true
  local found = redis.pcall('XINFO', 'STREAM', stream)
  for i = 1, #found, 2 do
    if found[i] == 'last-generated-id' then
      local last_ms, last_n = found[i + 1]:match('^(%d+)-(%d+)$')
      last_ms, last_n = tonumber(last_ms), tonumber(last_n)
      if last_ms > ms then ms = last_ms end
      if last_ms == ms and last_n > n then ms = ms + 1 end
    end
  end
  entry_id = numbers_behind(string.format('%.0f-', ms))
end

local sequence, stored, failure = first - 1, 0, nil
local pub_id = numbers_behind(publisher .. '-')
local at = 7
while ARGV[at] and not failure do
  local count, plain = tonumber(ARGV[at]), ARGV[at + 1] == '1'
  local user, head, timestamp = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local middle = '", "timestamp": ' .. timestamp .. ', "id": "'
  local step = plain and 1 or 2
  at = at + 5
  for i = at, at + (count - 1) * step, step do
    if sequence + 1 > last then
      local mine = pub_id(sequence + 1)
      local entry = entry_id(n + 1)
      local added = call('XADD', stream, entry, 'user', user, 'message', ARGV[i], 'timestamp', timestamp, 'pub', mine)
      if type(added) == 'table' and not looked then
        pass_last_id()
        entry = entry_id(n + 1)
        added = call('XADD', stream, entry, 'user', user, 'message', ARGV[i], 'timestamp', timestamp, 'pub', mine)
      end
      if type(added) == 'table' then
        failure = added.err
        break
      end
      n = n + 1
      stored = stored + 1
      sequence = sequence + 1
      local heard = call(publish, topic,
        head .. ARGV[i + step - 1] .. middle .. entry .. '", "pub": "' .. mine .. '"}')
      if type(heard) == 'table' then
        failure = heard.err
        break
      end
    else
      sequence = sequence + 1
    end
  end
  at = at + count * step
end

local place = before
if stored > 0 then
  place = sequence .. string.format(' %.0f ', ms) .. n
  redis.call('HSET', info, 'ms', string.format('%.0f', ms), 'n', n)
end
if place then
  -- Also when nothing was new: WAIT counts replicas for a connection's last write.
  if ttl == '0' then
    redis.call('HSET', info, 'import:' .. publisher, place)
  else
    redis.call('SET', position, place, 'EX', ttl)
  end
end

local default_max_len, exact_trim_limit = 100000, 5000  -- as in topic.h
local max_len, max_age = tonumber(about[3] or default_max_len), tonumber(about[4] or 0)
if stored > 0 and max_len > 0 then
  call('XTRIM', stream, 'MAXLEN', max_len > exact_trim_limit and '~' or '=', max_len)
end
if stored > 0 and max_age > 0 then call('XTRIM', stream, 'MINID', '~', string.format('%.0f', now - max_age)) end
return {before, sequence, ms, n, max_len, failure}
