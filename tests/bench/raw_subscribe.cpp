// raw_subscribe TOPIC COUNT [READY_FD]: prints what stands between "message" and "timestamp" of COUNT
// payloads. READY_FD gets a newline when it is subscribed.

#include "raw.h"

namespace {

std::string_view message(std::string_view payload) {
  constexpr std::string_view before = "\"message\": \"";
  constexpr std::string_view behind = "\", \"timestamp\": ";
  const std::size_t begin = payload.find(before) + before.size();
  return payload.substr(begin, payload.find(behind, begin) - begin);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) raw::fail("raw_subscribe TOPIC COUNT [READY_FD]");
  redisContext* const redis = raw::connect();
  redisAppendCommand(redis, "SUBSCRIBE %s", argv[1]);
  freeReplyObject(raw::receive(redis));
  if (argc > 3) raw::write_all(std::atoi(argv[3]), "\n");

  std::string out;
  for (long left = std::atol(argv[2]); left > 0;) {
    void* next = nullptr;
    if (redisGetReplyFromReader(redis, &next) != REDIS_OK) raw::fail(redis->errstr);
    if (next == nullptr) {
      raw::write_all(STDOUT_FILENO, out);
      out.clear();
      if (redisBufferRead(redis) != REDIS_OK) raw::fail(redis->errstr);
      continue;
    }
    redisReply* const push = static_cast<redisReply*>(next);
    out += message({push->element[2]->str, push->element[2]->len});
    out += '\n';
    --left;
    freeReplyObject(push);
  }
  raw::write_all(STDOUT_FILENO, out);
  redisFree(redis);
}
