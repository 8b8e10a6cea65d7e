#include "chat/topic_pattern.h"

#include "base/error.h"
#include "unit/catch.h"
#include "unit/failure.h"

using namespace chat;

TEST_CASE("patterns are told from names") {
  for (const char* pattern : {"*", "team/*", "t?", "[ab]c", "[!a]", "a["}) CHECK(is_topic_pattern(pattern));
  for (const char* name : {"", "team/a", "a]", "a:b.c_d-e"}) CHECK_FALSE(is_topic_pattern(name));
}

TEST_CASE("what a pattern matches") {
  CHECK(matches_any({"team/*"}, "team/a"));
  CHECK(matches_any({"team/*"}, "team/a/b"));
  CHECK(matches_any({"team/*"}, "team/"));
  CHECK_FALSE(matches_any({"team/*"}, "team"));
  CHECK(matches_any({"*"}, ".a"));
  CHECK(matches_any({"x", "t?pic[1-3]"}, "topic3"));
  CHECK_FALSE(matches_any({"x", "t?pic[1-3]"}, "topic4"));
  CHECK(matches_any({"topic[!1-3]"}, "topic4"));
  CHECK(matches_any({"x"}, "x"));
  CHECK_FALSE(matches_any({}, "x"));
}

TEST_CASE("what can't match any name is refused") {
  for (const char* good : {"*", "topic1", "a[]x]b", "[!]]", "[^a]?", "a/*:b", "*-"}) {
    CHECK_NOTHROW(check_topic_or_pattern(good));
  }
  const std::pair<const char*, const char*> bad[] = {{"a b*", "\"a b*\" can't be a pattern"},
                                                     {"a[bc", "its [ has no ]"},
                                                     {"[]", "its [ has no ]"},
                                                     {"\x1b*", "beside * ? [ ] it may have"},
                                                     {"a b", "\"a b\" can't be a topic's name"}};
  for (const auto& [pattern, why] : bad) {
    const Error error = error_of([&] { check_topic_or_pattern(pattern); });
    CHECK(error.failure() == Failure::usage);
    CHECK(has(error.what(), why));
  }
}
