#include "terminal/table.h"

#include "unit/catch.h"

using namespace chat;

using Lines = std::vector<std::string>;

TEST_CASE("columns are aligned, whatever stands in them") {
  Table table("lrl", {"NAME", "N", "TEXT"});
  table.add({"ana", "12345", "x"});
  table.add({"花子", "1", ""});
  table.add({"🎉", "22", "y z"});
  CHECK(table.lines(0) == Lines{"NAME      N  TEXT", "ana   12345  x", "花子      1", "🎉       22  y z"});
}

TEST_CASE("a table cut to a width") {
  Table table("ll", {"A", "B"});
  table.add({"a", "日本語"});
  table.add({"b", "12"});
  CHECK(table.lines(7) == Lines{"A  B", "a  日…", "b  12"});
  CHECK(table.lines(9) == Lines{"A  B", "a  日本語", "b  12"});
}

TEST_CASE("a long name leaves room for what is said of it") {
  Table table("lrl", {"NAME", "N", "TEXT"});
  table.add({"a-very-long-name-of-a-topic-日本語", "1", "what is said"});
  table.add({"b", "22", ""});
  CHECK(table.lines(60).back() == "b                                   22");
  CHECK(table.lines(48) ==
        Lines{"NAME               N  TEXT", "a-very-long-nam…   1  what is said", "b                 22"});
  CHECK(table.lines(22) == Lines{"NAME           N  TEXT", "a-very-long…   1  wha…", "b             22"});
  CHECK(table.lines(21) == Lines{"NAME           N", "a-very-long…   1", "b             22"});
  CHECK(table.lines(15) == Lines{"NAME", "a-very-long…", "b"});
  CHECK(table.lines(3) == Lines{"NA…", "a-…", "b"});
}

TEST_CASE("no cell drives a terminal") {
  Table table("ll", {"A", "B"});
  table.add({"a\x1b[31m", "b\n\xff"});
  CHECK(table.lines(0).back() == "a\\x1b[31m  b\\n\\xff");
}
