#include "chat/history.h"

#include "chat/entry_id.h"
#include "unit/catch.h"

using namespace chat;

TEST_CASE("the ID right before another") {
  CHECK(before({5, 3}) == EntryId{5, 2});
  CHECK(before({5, 0}) == EntryId{4, UINT64_MAX});
  CHECK(before({0, 1}) == first_id);
  CHECK(before(first_id) == first_id);
  CHECK(before(last_id) == EntryId{UINT64_MAX, UINT64_MAX - 1});
}
