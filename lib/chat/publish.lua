-- The script that stores and publishes one batch: everything or, after an error in its middle, a beginning.
--
-- KEYS: the stream, the topic's info, the publisher's position. ARGV: 1 topic, 2 publisher, 3 the batch's first
-- sequence number, 4 the highest one known to be acknowledged, 5 seconds that the position outlives this batch (0:
-- kept in the info, as long as the topic), 6 PUBLISH or, in a cluster, SPUBLISH (empty: who sends it hopes that
-- this is none), 7 until when the batch may be stored (this and the next three are milliseconds of the server's
-- clock; 0: for ever), 8 until when the position must live at least: longer, 9 and 10 until when the first and
-- any other earlier sending of this batch may have been stored (0: it was never sent), 11 an ID after which all
-- of it would stand: of the message acknowledged last, else of the topic before the publisher came, else, with
-- the highest n, a time that must be over; then runs of messages that share user and timestamp: count, plain (1
-- or 0), user, the payload up to the message (`{"user": "ana", "message": "`), timestamp, and the messages: each
-- its bytes, and unless plain also the inside of its JSON string.
--
-- Returns {position before, or nil; last sequence number stored; its ID's ms; its n; max_len; the time; how many
-- acknowledged messages are gone, since the history is an older one; error, if one ended the batch early}. A
-- position is `sequence ms n`, and behind that the batch that found some gone, and how many: the answer may be lost.
-- Refuses with `NOTOPIC` when the topic has no info, with `LATE` and the time when the batch's time is over or has
-- not come, with `CLUSTER` when that was not hoped for, with `HOLE` when the batch doesn't follow the position: one
-- before it is missing, with `UNSURE` when it may have been stored and this user may not look, or it may have been
-- trimmed, with `GONE` and the position when that can't be mended by sending it again, and with `BADINFO`, a field
-- and its value when the info holds what is no number.
--
-- Milliseconds are text: an entry of somebody else's may have more than a number of Lua holds.

local stream, info, position = KEYS[1], KEYS[2], KEYS[3]
local topic, publisher, ttl, publish = ARGV[1], ARGV[2], ARGV[5], ARGV[6]
local first, acked, by = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[7])
local keep, sent_first, sent_last, after = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10], ARGV[11]
local call, type = redis.pcall, type
local highest = '18446744073709551615'

local function later(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local now_text = string.format('%.0f', now)
local guess = after:sub(-#highest) == highest  -- else an n
if by > 0 and now > by or guess and later(after:match('^%d+'), now_text) then
  return redis.error_reply('LATE ' .. now_text)
end
if publish == '' then
  local slots = call('CLUSTER', 'SLOTS')
  if not (slots.err and slots.err:find('disabled', 1, true)) then return redis.error_reply('CLUSTER perhaps') end
  publish = 'PUBLISH'
end

local function next_millisecond(ms)
  local head, nines = ms:match('^(%d-)(9*)$')
  return (head == '' and '1' or head:sub(1, -2) .. tonumber(head:sub(-1)) + 1) .. ('0'):rep(#nines)
end

-- A function that puts numbers, each one more than the last, behind a prefix. Lua prints a number slowly: so
-- only the first and one in ten are printed, the others get their last digit from a table.
local digits
local function numbers_behind(prefix)
  local tens
  return function(number)
    if not tens and number < 1e14 then  -- what is longer is printed rounded
      tens = ''
      return prefix .. number
    end
    local last = number % 10
    if last == 0 or not tens or tens == '' then tens = number > 9 and prefix .. (number - last) / 10 or prefix end
    digits = digits or {[0] = '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'}
    return tens .. digits[last]
  end
end

local about = redis.call('HMGET', info, 'ms', 'n', 'max_len', 'max_age')
if not about[1] and redis.call('EXISTS', info) == 0 then return redis.error_reply('NOTOPIC ' .. topic) end
local default_max_len, exact_trim_limit = '100000', 5000  -- as in topic.h
local ms, n = about[1] or '0', about[2] or '0'
local max_len, max_age = about[3] or default_max_len, about[4] or '0'
if (ms .. n .. max_len .. max_age):find('%D') or ms == '' or n == '' or max_len == '' or max_age == ''
  or #ms > 19 and later(ms, highest) or #n > 14 or #max_len > 15 or #max_age > 15 then
  for i, field in ipairs({{'ms', ms, 20}, {'n', n, 14}, {'max_len', max_len, 15}, {'max_age', max_age, 15}}) do
    local value = field[2]
    if not value:find('^%d+$') or #value > field[3] or i == 1 and later(value, highest) then
      return redis.error_reply('BADINFO ' .. field[1] .. ' ' .. value:sub(1, 40):gsub('[^%w.-]', '?'))
    end
  end
end
if #ms > 1 and ms:sub(1, 1) == '0' then ms = ms:gsub('^0+(%d)', '%1') end
n, max_len, max_age = tonumber(n), tonumber(max_len), tonumber(max_age)

-- The entry's pub, if it has one: then its n counts.
local function pub_of(entry)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'pub' then return entry[2][i + 1] end
  end
end

-- Which of the publisher's messages the entry is; nothing when it is none of them.
local function number_of(entry)
  local by_whom, number = (pub_of(entry) or ''):match('^(.+)-(%d+)$')
  return by_whom == publisher and number
end

-- What an earlier sending of this batch has stored, where the position has expired: its publisher was asleep, or
-- the clock has stepped. It stands behind what was there then, and came in its time, or has the time of the one
-- before: a clock that was ahead is back.
local function position_in_stream()
  local found, from, next_n, ahead = false, after, nil, nil
  local until_ms = not guess and later(sent_last, after:match('^%d+')) and sent_last or highest
  while true do
    local page = call('XRANGE', stream, '(' .. from, '+', 'COUNT', 100)
    if page.err then return false, page.err end
    local more = #page == 100
    for _, entry in ipairs(page) do
      from = entry[1]
      local entry_ms, entry_n = from:match('^(%d+)-(%d+)$')
      if pub_of(entry) then next_n = next_n or tonumber(entry_n) end
      local number = number_of(entry)
      if number then found = number .. ' ' .. entry_ms .. ' ' .. entry_n end
      if later(entry_ms, until_ms) then ahead = ahead or entry_ms end
      more = more and (not ahead or entry_ms == ahead)
    end
    if not more then break end
  end
  local after_n = tonumber(after:match('%d+$'))
  if guess and not call('XREVRANGE', stream, after, '-', 'COUNT', 1)[1] then after_n = 0 end
  if not found and (next_n or n + 1) > after_n + 1 then return false, 'trimmed' end
  return found
end

-- Whether the message acknowledged last is in the history, or was only trimmed, as far as this user may look.
local function acknowledged_is_there()
  if n < tonumber(after:match('%d+$')) then return false end
  local entry = call('XRANGE', stream, after, after)[1]
  if entry and pub_of(entry) then return number_of(entry) end
  local oldest = call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if entry or not oldest then return not entry end
  local oldest_ms, oldest_n = oldest[1]:match('^(%d+)-(%d+)$')
  local after_ms, after_n = after:match('^(%d+)-(%d+)$')
  -- What counts has a higher n, too, in the same history.
  if pub_of(oldest) and not later(oldest_n, after_n) then return false end
  return later(oldest_ms, after_ms) or oldest_ms == after_ms and later(oldest_n, after_n)
end

-- The highest of the publisher's messages before this batch that the history has.
local function highest_before()
  local to = after
  while true do
    local page = call('XREVRANGE', stream, to, '-', 'COUNT', 100)
    for _, entry in ipairs(page) do
      to = '(' .. entry[1]
      local number = number_of(entry)
      if number then return tonumber(number) end
    end
    if #page < 100 then return 0 end
  end
end

local before
if ttl == '0' then
  before = redis.call('HGET', info, 'import:' .. publisher)
else
  before = redis.call('GET', position)
  -- A position lives longer than the time of what was stored, unless the clock went there and came back.
  if not before and sent_first > 0 and (now > sent_first or acked > 0) then
    local why
    before, why = position_in_stream()
    if why and now > sent_first then return redis.error_reply('UNSURE ' .. why) end
    -- What an answer told that was lost, the position would tell again.
    if before and acked > 0 and acked == first - 1 and not acknowledged_is_there() then
      before = before .. ' ' .. first .. ' ' .. first - 1 - math.min(highest_before(), first - 1)
    end
  end
end
local last, mark = (before or ''):match('^(%d+) %d+ %d+(.*)')
last, mark = tonumber(last) or 0, mark or ''
local gone = mark ~= '' and tonumber(mark:match('^ (%d+)')) == first and tonumber(mark:match('%d+$')) or 0
if last < first - 1 then
  if acked < first - 1 then return redis.error_reply('HOLE ' .. last) end
  if ttl == '0' then return redis.error_reply('GONE ' .. last) end
  if before or not acknowledged_is_there() then
    gone = first - 1 - last
    mark = ' ' .. first .. ' ' .. gone
  end
  last = first - 1
end

if later(now_text, ms) then ms = now_text end
local entry_id = numbers_behind(ms .. '-')

-- Somebody else's entry may be ahead of ours: go on from there, with the next n all the same.
local looked = false
local function pass_last_id()
  looked = true
  local found = redis.pcall('XINFO', 'STREAM', stream)
  for i = 1, #found, 2 do
    if found[i] == 'last-generated-id' then
      local last_ms, last_n = found[i + 1]:match('^(%d+)-(%d+)$')
      if later(last_ms, ms) then ms = last_ms end
      if last_ms == ms and tonumber(last_n) > n then
        if ms == highest then return 'FULL ' .. found[i + 1] end
        ms = next_millisecond(ms)
      end
    end
  end
  entry_id = numbers_behind(ms .. '-')
end

local sequence, stored, failure, last_pub, last_entry = first - 1, 0, nil, nil, nil
local pub_id = numbers_behind(publisher .. '-')
local at = 12
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
        failure = pass_last_id()
        if failure then break end
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
      last_pub, last_entry = mine, entry
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
  local n_text = last_entry:match('%d+$')
  place = last_pub:sub(#publisher + 2) .. ' ' .. ms .. ' ' .. n_text .. mark
  redis.call('HSET', info, 'ms', ms, 'n', n_text)
end
if place then
  -- Also when nothing was new: WAIT counts replicas for a connection's last write.
  if ttl == '0' then
    redis.call('HSET', info, 'import:' .. publisher, place)
  else
    redis.call('SET', position, place, 'PXAT', string.format('%.0f', math.max(now + ttl * 1000, keep)))
  end
end

if stored > 0 and max_len > 0 then
  call('XTRIM', stream, 'MAXLEN', max_len > exact_trim_limit and '~' or '=', max_len)
end
if stored > 0 and max_age > 0 then call('XTRIM', stream, 'MINID', '~', string.format('%.0f', now - max_age)) end
return {before, sequence, ms, n, max_len, now, gone, failure}
