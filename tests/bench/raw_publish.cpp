// raw_publish TOPIC [HEAD TAIL]: PUBLISHes each line of standard input, between HEAD and TAIL, pipelined.

#include "raw.h"

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4) raw::fail("raw_publish TOPIC [HEAD TAIL]");
  constexpr std::size_t batch = 128;
  constexpr std::size_t window = 8 * batch;
  const std::string head = argc == 4 ? argv[2] : "";
  const std::string tail = argc == 4 ? argv[3] : "";
  std::string command = "*3\r\n";
  raw::append_bulk(command, "PUBLISH");
  raw::append_bulk(command, argv[1]);

  redisContext* const redis = raw::connect();
  std::string commands;
  std::size_t appended = 0;
  std::size_t due = 0;
  const auto publish = [&] {
    redisAppendFormattedCommand(redis, commands.data(), commands.size());
    raw::send(redis);
    commands.clear();
    due += appended;
    appended = 0;
    for (; due > window; --due) freeReplyObject(raw::receive(redis));
  };
  raw::read_lines(
      [&](std::string_view line) {
        commands += command;
        commands += '$';
        commands += std::to_string(head.size() + line.size() + tail.size());
        commands += "\r\n";
        commands += head;
        commands += line;
        commands += tail;
        commands += "\r\n";
        if (++appended == batch) publish();
      },
      publish);
  for (; due > 0; --due) freeReplyObject(raw::receive(redis));
  redisFree(redis);
}
