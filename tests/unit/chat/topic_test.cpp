#include "chat/topic.h"

#include "base/error.h"
#include "unit/failure.h"

using namespace chat;
using namespace std::chrono_literals;

TEST_CASE("names of topics") {
  for (const std::string& name : {std::string("topic1"), std::string("a"), std::string("A-Z_0.9/x:y"),
                                  std::string(128, 'x'), std::string("chat"), std::string("a-")}) {
    INFO(name);
    CHECK_NOTHROW(check_topic(name));
  }
  for (const std::string& name :
       {std::string(), std::string(129, 'x'), std::string("-a"), std::string("chat:x"), std::string("chat:"),
        std::string("a b"), std::string("a{b}"), std::string("caf\xc3\xa9"), std::string("a\n"),
        std::string("a\0b", 3), std::string("a*")}) {
    INFO(name);
    CHECK(error_of([&] { check_topic(name); }).failure() == Failure::usage);
  }
  CHECK(has(error_of([] { check_topic("a b"); }).what(), "\"a b\" can't be a topic's name"));
  CHECK(has(error_of([] { check_topic("a,b"); }).what(), "each topic is a word of its own"));
}

TEST_CASE("keys and channels of a topic share a slot") {
  CHECK(stream_key("t/1") == "chat:{t/1}");
  CHECK(info_key("t/1") == "chat:{t/1}:info");
  CHECK(publisher_key("t/1", "abc") == "chat:{t/1}:pub:abc");
  CHECK(presence_channel("t/1", "ana b") == "chat:{t/1}:user:ana b");
}

TEST_CASE("the default topics") {
  CHECK(is_default("topic1"));
  CHECK(is_default("topic4"));
  CHECK_FALSE(is_default("topic5"));
  CHECK_FALSE(is_default("Topic1"));
}

TEST_CASE("what a topic is too old to show") {
  TopicState state;
  state.now = 10'000ms;
  CHECK(state.oldest() == 0ms);
  state.max_age = 4'000ms;
  CHECK(state.oldest() == 6'000ms);
}
