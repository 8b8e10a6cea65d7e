#include "base/suggest.h"

#include <string>
#include <vector>

#include "unit/catch.h"

using namespace chat;
using Names = std::vector<std::string>;

TEST_CASE("near names") {
  const Names names{"news", "newt", "topic1", "topic2", "topic3", "topic4", "deploys"};
  CHECK(near_names("depoly", names) == Names{"deploys"});
  CHECK(near_names("nesw", names) == Names{"news"});
  CHECK(near_names("new", names) == Names{"news", "newt"});
  CHECK(near_names("topic9", names) == Names{"topic1", "topic2", "topic3"});
  CHECK(near_names("topci1", names) == Names{"topic1"});
  CHECK(near_names("something", names).empty());
  CHECK(near_names("x", {"y", "yes"}) == Names{"y"});
  CHECK(near_names("a", {}).empty());
  CHECK(near_names("news", {"news", "newt"}) == Names{"newt"});
}
