#include "redis/slots.h"

#include "unit/catch.h"

using namespace chat;

TEST_CASE("slots are those of the specification") {
  CHECK(hash_slot("123456789") == 12739);  // its reference value
  CHECK(hash_slot("") == 0);
  CHECK(hash_slot("foo") == 12182);
  CHECK(hash_slot("{foo}") == 12182);
  CHECK(hash_slot("chat:{foo}:info") == 12182);
  CHECK(hash_slot("chat:{foo}{bar}") == 12182);
  CHECK(hash_slot("{}foo") != hash_slot("foo"));
  CHECK(hash_slot("foo{}{bar}") != hash_slot("bar"));
  CHECK(hash_slot("foo{bar") != hash_slot("bar"));
}
