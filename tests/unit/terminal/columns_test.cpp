#include "terminal/columns.h"

#include "unit/catch.h"

using namespace chat;

namespace {

std::string cut(std::string_view text, std::size_t most) {
  std::string out = "<";
  append_cut(out, text, most);
  return out.substr(1);
}

// With `ana: ` before it, under which the next lines are indented.
std::string wrapped(std::string_view text, std::size_t width) {
  std::string out = "ana: ";
  append_wrapped(out, text, 5, 5, width);
  return out;
}

}  // namespace

TEST_CASE("columns of characters as people see them") {
  CHECK(columns_of("") == 0);
  CHECK(columns_of("abc") == 3);
  CHECK(columns_of("é") == 1);
  CHECK(columns_of("e\xCC\x81") == 1);  // the accent is a code point of its own
  CHECK(columns_of("日本語") == 6);
  CHECK(columns_of("🎉") == 2);
  CHECK(columns_of("👨‍👩‍👧") == 2);
  CHECK(columns_of("🇩🇪") == 2);
  CHECK(columns_of("한글") == 4);
  CHECK(columns_of("\x1b[1;7mana\x1b[0m") == 3);
  CHECK(columns_of("\xff") == 1);
}

TEST_CASE("cutting") {
  CHECK(cut("abc", 3) == "abc");
  CHECK(cut("abcd", 3) == "ab…");
  CHECK(cut("日本語", 5) == "日本…");
  CHECK(cut("日本語", 4) == "日…");
  CHECK(cut("e\xCC\x81"
            "e\xCC\x81z",
            2) == "e\xCC\x81…");
  CHECK(cut("abc", 1) == "…");
  CHECK(cut("abc", 0).empty());
}

TEST_CASE("wrapping at spaces, under the beginning") {
  CHECK(wrapped("hello", 20) == "ana: hello");
  CHECK(wrapped("one two three four five", 15) == "ana: one two\n     three four\n     five");
  CHECK(wrapped("one  two", 20) == "ana: one  two");
  CHECK(wrapped("123456789 x", 14) == "ana: 123456789\n     x");
  CHECK(wrapped("123456789     x", 14) == "ana: 123456789\n     x");
  CHECK(wrapped("123456789     ", 14) == "ana: 123456789");
  CHECK(wrapped("   a", 20) == "ana:    a");
  CHECK(wrapped("", 20) == "ana: ");
}

TEST_CASE("wrapping in what is longer than a line, and between wide characters") {
  CHECK(wrapped("日本語日本語日", 12) == "ana: 日本語\n     日本語\n     日");
  CHECK(wrapped("日本語、日本語", 11) == "ana: 日本\n     語、日\n     本語");
  CHECK(wrapped("a日本語b", 10) == "ana: a日本\n     語b");
  CHECK(wrapped("👨‍👩‍👧👨‍👩‍👧", 8) ==
        "ana: 👨‍👩‍👧\n     👨‍👩‍👧");
  CHECK(wrapped("👍🏽", 7) == "ana: 👍🏽");
}

TEST_CASE("a word that is longer than a line is left to the terminal") {
  CHECK(wrapped("a 123456789abcdef", 14) == "ana: a\n     123456789abcdef");
  CHECK(wrapped("123456789abcdef g h i jk", 14) == "ana: 123456789abcdef g h i\n     jk");
  CHECK(wrapped("123456789abcdef12345678 g", 14) == "ana: 123456789abcdef12345678\n     g");
  CHECK(wrapped("12345\x1b[1;7m6789a\x1b[0mbcdef g", 14) == "ana: 12345\x1b[1;7m6789a\x1b[0mbcdef g");
}

TEST_CASE("what looks like a space is no way to the left edge") {
  CHECK(wrapped("123456\u00a07\u28008\u2003ab", 14) == "ana: 123456\u00a07\u2800\n     8\u2003ab");
  CHECK(wrapped("12\u00a03 4\u00a05", 14) == "ana: 12\u00a03 4\u00a05");
}

TEST_CASE("colours are neither counted nor broken") {
  CHECK(wrapped("1234 \x1b[1;7m67\x1b[0m 9", 14) == "ana: 1234 \x1b[1;7m67\x1b[0m 9");
  CHECK(wrapped("12345 \x1b[1;7m789\x1b[0mx y", 14) == "ana: 12345\n     \x1b[1;7m789\x1b[0mx y");
}

TEST_CASE("links take no columns and are not broken") {
  const std::string link = "\x1b]8;;http://a/\x1b\\http://a/\x1b]8;;\x1b\\";
  CHECK(columns_of(link) == 9);
  CHECK(wrapped(link + " x", 16) == "ana: " + link + " x");
  CHECK(wrapped("b " + link + " x", 14) == "ana: b\n     " + link + "\n     x");
  CHECK(columns_of("\x1b]8;;") == 0);
  CHECK(columns_of("\x1b]") == 0);
}

TEST_CASE("a narrow first line") {
  std::string out = "a long name: ";
  append_wrapped(out, "wonderful things", 13, 4, 20);
  CHECK(out == "a long name:\n    wonderful things");
}

TEST_CASE("a long word has a line to itself where the first one begins left of the others, too") {
  std::string out = "name: ";
  append_wrapped(out, "a 123456789abcdef0123", 6, 10, 24);
  CHECK(out == "name: a\n          123456789abcdef0123");
  out.clear();
  append_wrapped(out, "see 123456789abcdef0123", 0, 4, 20);
  CHECK(out == "see\n    123456789abcdef0123");
}

TEST_CASE("a mark on a space is not lost where a line ends") {
  std::string out;
  append_wrapped(out, "0123456789 \u0301abc", 0, 0, 10);
  CHECK(out == "0123456789\n \u0301abc");
}
