#include "sim/differential/scripts.h"

#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace sim::differential {

const std::string& create_topic_script() {
  static const std::string script = [] {
    std::stringstream source;
    source << std::ifstream(CHAT_SOURCE "/lib/chat/topic.cpp").rdbuf();
    const std::string text = source.str();
    const std::string_view open = "R\"lua(";
    const std::size_t begin = text.find(open);
    const std::size_t end = text.find(")lua\"");
    if (begin == std::string::npos || end == std::string::npos)
      throw std::runtime_error("no script in topic.cpp");
    return text.substr(begin + open.size(), end - begin - open.size());
  }();
  return script;
}

namespace {

constexpr std::array<std::string_view, 34> literals{
    "return 1",
    "return 1.9",
    "return -1.9",
    "return 'text'",
    "return nil",
    "return true",
    "return false",
    "return {}",
    "return {1, 2, nil, 4}",
    "return {1, {2, {3, 'x'}}, false, true}",
    "return {ok = 'fine'}",
    "return {ok = 'two\\r\\nlines'}",
    "return {err = 'MY error'}",
    "return {err = 'ERR two\\r\\nlines'}",
    "return {1, {err = 'inner'}, {ok = 'inner'}}",
    "return redis.error_reply('CODE text')",
    "return redis.error_reply('-CODE text')",
    "return redis.error_reply('word')",
    "return redis.error_reply()",
    "return redis.status_reply('STATUS')",
    "return {KEYS[1], ARGV[1], ARGV[2], #KEYS, #ARGV, KEYS[2]}",
    "return redis.sha1hex(ARGV[2])",
    "return string.rep('x', 100)",
    "return tostring(10 / 4)",
    "error('broken')",
    "error({err = 'MY broken'})",
    "return nosuch",
    "nosuch = 1",
    "return nil .. 'x'",
    "return {",
    "return redis.call()",
    "return redis.call({})",
    "local ok, err = pcall(redis.call, 'NOSUCH'); return {tostring(ok), type(err), tostring(err)}",
    "return {type(redis.pcall('PING')), redis.call('PING').ok, tostring(redis.call('GET', 'nothing')), 1e15, "
    "-0.0}",
};

constexpr std::array<std::string_view, 6> callers{
    "return redis.call(unpack(ARGV))",
    "return redis.call(unpack(ARGV))",
    "return redis.pcall(unpack(ARGV))",
    "local r = redis.pcall(unpack(ARGV)) if type(r) == 'table' and r.err then return {'failed', r.err} end "
    "return {type(r), r}",
    "local ok, r = pcall(redis.call, unpack(ARGV)) return {tostring(ok), r}",
    "redis.call('HSET', 'h1', 'a', 1) return {redis.call(unpack(ARGV)), redis.call('HGET', 'h1', 'a')}",
};

}  // namespace

std::string_view literal_script(Random& random) { return literals[random.below(literals.size())]; }
std::string_view calling_script(Random& random) { return callers[random.below(callers.size())]; }

}  // namespace sim::differential
