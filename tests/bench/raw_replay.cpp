// raw_replay TOPIC: prints the messages in a topic's stream, asking for the next page before printing one.

#include "raw.h"

int main(int argc, char** argv) {
  if (argc != 2) raw::fail("raw_replay TOPIC");
  constexpr std::size_t page_size = 1000;
  const std::string key = "chat:{" + std::string(argv[1]) + "}";
  redisContext* const redis = raw::connect();
  const auto ask = [&](const std::string& from) {
    redisAppendCommand(redis, "XRANGE %s %s + COUNT %d", key.c_str(), from.c_str(),
                       static_cast<int>(page_size));
    raw::send(redis);
  };

  std::string out;
  ask("-");
  for (bool more = true; more;) {
    redisReply* const page = raw::receive(redis);
    more = page->elements == page_size;
    if (more) ask("(" + std::string(page->element[page_size - 1]->element[0]->str));
    for (std::size_t i = 0; i < page->elements; ++i) {
      const redisReply* const text = page->element[i]->element[1]->element[3];  // user U message TEXT …
      out.append(text->str, text->len);
      out += '\n';
    }
    raw::write_all(STDOUT_FILENO, out);
    out.clear();
    freeReplyObject(page);
  }
  redisFree(redis);
}
