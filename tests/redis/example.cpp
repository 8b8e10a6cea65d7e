// lib/redis by itself: connect, ask, send several commands at once. Needs nothing of the other floors but
// base.
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>

#include "redis/connection.h"

int main() {
  using namespace chat;
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const char* const url = std::getenv("REDIS_URL");
    const Endpoint endpoint = parse_url(url != nullptr ? url : "redis://127.0.0.1");
    const StopToken never;
    Connection redis = Connection::open(endpoint, Clock::now() + std::chrono::seconds(5), never);
    redis.command({"SET", "greeting", "hello"}, never);
    std::cout << redis.command({"GET", "greeting"}, never).view().text() << '\n';
    for (const char* word : {"one", "two", "three"}) redis.append({"RPUSH", "words", word});
    for (int i = 0; i < 3; ++i) std::cout << redis.receive(never).view().integer() << '\n';
    const Reply words = redis.command({"LRANGE", "words", "0", "-1"}, never);
    for (std::size_t i = 0; i < words.view().size(); ++i) std::cout << words[i].text() << '\n';
    redis.command({"DEL", "greeting", "words"}, never);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
