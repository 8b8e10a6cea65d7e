// raw_store TOPIC: stores and publishes each line of standard input by chat-pub's own script, batches
// pipelined. Lines must not need escaping in JSON.

#include <ctime>

#include "chat/publish_script.h"
#include "raw.h"

int main(int argc, char** argv) {
  if (argc != 2) raw::fail("raw_store TOPIC");
  constexpr std::size_t most_messages = 128;
  constexpr std::size_t most_bytes = std::size_t{64} * 1024;
  constexpr std::size_t window = 8;
  const std::string topic = argv[1];
  const std::string publisher = "raw" + std::to_string(getpid());
  const std::string key = "chat:{" + topic + "}";

  redisContext* const redis = raw::connect();
  redisAppendCommand(redis, "SCRIPT LOAD %b", chat::publish_script.data(), chat::publish_script.size());
  redisReply* const loaded = raw::receive(redis);
  std::string start;
  for (const std::string& part : {std::string("EVALSHA"), std::string(loaded->str), std::string("3"), key,
                                  key + ":info", key + ":pub:" + publisher, topic, publisher}) {
    raw::append_bulk(start, part);
  }
  freeReplyObject(loaded);

  std::string command;
  std::string messages;
  std::size_t count = 0;
  std::size_t sequence = 1;
  std::size_t due = 0;
  const auto store = [&] {
    if (count == 0) return;
    command = "*" + std::to_string(22 + count) + "\r\n" + start;
    raw::append_bulk(command, std::to_string(sequence));
    raw::append_bulk(command, "0");   // acknowledged
    raw::append_bulk(command, "90");  // seconds to keep the position
    raw::append_bulk(command, "PUBLISH");
    for (const char* none : {"0", "0", "0", "0", "0-0"}) raw::append_bulk(command, none);  // its time
    raw::append_bulk(command, std::to_string(count));
    raw::append_bulk(command, "1");  // plain
    raw::append_bulk(command, "raw");
    raw::append_bulk(command, "{\"user\": \"raw\", \"message\": \"");
    raw::append_bulk(command, std::to_string(std::time(nullptr)));
    command += messages;
    redisAppendFormattedCommand(redis, command.data(), command.size());
    raw::send(redis);
    sequence += count;
    count = 0;
    messages.clear();
    for (++due; due > window; --due) freeReplyObject(raw::receive(redis));
  };
  raw::read_lines(
      [&](std::string_view line) {
        raw::append_bulk(messages, line);
        if (++count == most_messages || messages.size() >= most_bytes) store();
      },
      store);
  for (; due > 0; --due) freeReplyObject(raw::receive(redis));
  redisFree(redis);
}
