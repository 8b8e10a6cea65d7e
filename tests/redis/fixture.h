#pragma once

#include <signal.h>

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/wait.h"
#include "chat/entry_id.h"
#include "chat/history.h"
#include "chat/topic.h"
#include "redis/connection.h"
#include "redis/connection_pool.h"
#include "unit/failure.h"
#include "unit/recorder.h"

// The server is shared by all test cases: each one uses topics of its own.

/// For what a test waits for: it only ends one that hangs.
inline chat::Deadline soon() { return chat::Clock::now() + std::chrono::seconds(60); }

inline chat::Endpoint server() {
  signal(SIGPIPE, SIG_IGN);
  const char* url = std::getenv("REDIS_URL");
  if (url == nullptr) FAIL("no $REDIS_URL: run this by scripts/with-redis");
  return chat::parse_url(url);
}

inline chat::Connection connect() { return chat::Connection::open(server(), soon(), {}); }

/// A connection of its own for each call.
inline chat::ConnectionPool& nodes() {
  static chat::ConnectionPool pool{server()};
  pool.clear();
  return pool;
}

inline chat::Reply ask(chat::Connection& connection, std::initializer_list<std::string_view> command) {
  return connection.command(command, {});
}

/// The client's number at the server, for CLIENT KILL.
inline std::string client_id(chat::Connection& connection) {
  return std::to_string(ask(connection, {"CLIENT", "ID"}).view().integer());
}

/// Ends every connection but this one.
inline void kill_others(chat::Connection& connection) {
  for (const char* type : {"normal", "pubsub"}) {
    ask(connection, {"CLIENT", "KILL", "TYPE", type, "SKIPME", "yes"});
  }
}

/// All of a topic's stream.
inline std::vector<chat::Message> stored(chat::Connection& connection, const std::string& topic) {
  const chat::Reply entries = ask(connection, {"XRANGE", chat::stream_key(topic), "-", "+"});
  std::vector<chat::Message> messages;
  for (std::size_t i = 0; i < entries.view().size(); ++i) {
    std::string why;
    messages.emplace_back();
    REQUIRE(chat::parse_entry(entries[i], messages.back(), why));
  }
  return messages;
}

inline std::vector<std::string> texts_of(const std::vector<chat::Message>& messages) {
  std::vector<std::string> texts;
  for (const chat::Message& message : messages) texts.push_back(message.text);
  return texts;
}

inline chat::EntryId add_entry(chat::Connection& connection, const std::string& topic, const std::string& id,
                               const std::string& text) {
  return *chat::EntryId::parse(
      ask(connection, {"XADD", chat::stream_key(topic), id, "user", "own", "message", text}).view().text());
}

/// A stop that comes when a test has waited too long for something.
inline chat::StopToken retry() {
  chat::StopToken stop;
  stop.until = soon();
  return stop;
}
