#include "terminal/bidi.h"

#include "unit/catch.h"

using namespace chat;

TEST_CASE("what runs from right to left") {
  CHECK_FALSE(runs_backwards(""));
  CHECK_FALSE(runs_backwards("hello, Gr\u00fc\u00dfe, \u65e5\u672c\u8a9e \U0001f600 12"));
  CHECK(runs_backwards("\u05e9\u05dc\u05d5\u05dd"));
  CHECK(runs_backwards("hello \u0645\u0631\u062d\u0628\u0627"));
  CHECK(runs_backwards("\u0661"));
}

TEST_CASE("each line has an isolate of its own") {
  const auto isolated = [](std::string_view lines) {
    std::string out;
    append_isolated(out, lines, 2);
    return out;
  };
  CHECK(isolated("a b") == "\u2068a b\u2069");
  CHECK(isolated("a\n  b\n  c") == "\u2068a\u2069\n  \u2068b\u2069\n  \u2068c\u2069");
  CHECK(isolated("a\n") == "\u2068a\u2069\n\u2068\u2069");
}
