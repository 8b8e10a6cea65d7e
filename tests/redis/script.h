#pragma once

#include "chat/publish_script.h"
#include "fixture.h"

/// What the publish script is called with.
struct ScriptCall {
  std::string topic;
  std::string publisher = "tester";
  std::uint64_t first = 1;
  std::uint64_t acked = 0;
  std::string ttl = "90";
  std::string by = "0";
  std::string keep = "0";
  std::string sent_first = "0";
  std::string sent_last = "0";
  std::string after = "0-0";
  std::vector<std::string> texts;
  std::string user = "ana";
};

inline chat::Reply call_script(chat::Connection& connection, const ScriptCall& call) {
  std::vector<std::string> arguments{"EVAL",
                                     std::string(chat::publish_script),
                                     "3",
                                     chat::stream_key(call.topic),
                                     chat::info_key(call.topic),
                                     chat::publisher_key(call.topic, call.publisher),
                                     call.topic,
                                     call.publisher,
                                     std::to_string(call.first),
                                     std::to_string(call.acked),
                                     call.ttl,
                                     "PUBLISH",
                                     call.by,
                                     call.keep,
                                     call.sent_first,
                                     call.sent_last,
                                     call.after,
                                     std::to_string(call.texts.size()),
                                     "1",
                                     call.user,
                                     R"({"user": ")" + call.user + R"(", "message": ")",
                                     "1732400000"};
  arguments.insert(arguments.end(), call.texts.begin(), call.texts.end());
  connection.append(std::vector<std::string_view>(arguments.begin(), arguments.end()));
  return connection.receive({});
}

/// Publishes texts to a topic, which is made if need be, each by a publisher of its own.
inline void publish(chat::Connection& connection, const std::string& topic,
                    const std::vector<std::string>& texts) {
  static int publishers = 0;
  chat::add_topic(nodes(), topic, {}, {});
  ScriptCall call;
  call.topic = topic;
  call.publisher = "publisher" + std::to_string(++publishers);
  call.texts = texts;
  const chat::Reply reply = call_script(connection, call);
  REQUIRE(reply.view().size() == 7);
}
