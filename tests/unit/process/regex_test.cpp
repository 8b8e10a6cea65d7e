#include "process/regex.h"

#include <string>

#include "base/error.h"
#include "unit/catch.h"
#include "unit/failure.h"
#include "unit/linear.h"

using namespace chat;

namespace {

// What the first match is; "-" when there is none.
std::string found(const Regex& regex, std::string_view text) {
  const auto match = regex.find(text);
  return match ? std::string(text.substr(match->begin, match->end - match->begin)) : "-";
}

std::string repeated(std::string_view piece, std::size_t size) {
  std::string text;
  while (text.size() < size) text += piece;
  return text;
}

std::string refusal(const std::string& pattern) {
  const Error error = error_of([&] { Regex{pattern}; });
  CHECK(error.failure() == Failure::usage);
  return error.what();
}

}  // namespace

TEST_CASE("finding a pattern") {
  CHECK(found(Regex("b+"), "abbc") == "bb");
  CHECK(found(Regex("b+"), "x") == "-");
  CHECK(found(Regex("(?i)ERROR"), "an error") == "error");
  CHECK(found(Regex(""), "") == "");
  CHECK(found(Regex("^b"), "a\nb") == "-");
  CHECK(found(Regex("(?m)^b"), "a\nb") == "b");
  CHECK(Regex("a").find("aba", 1)->begin == 2);
}

TEST_CASE("characters are those of UTF-8") {
  CHECK(found(Regex("^.$"), "é") == "é");
  CHECK(found(Regex("\\w+"), "…Ωμέγα!") == "Ωμέγα");
  CHECK(found(Regex("(?i)É"), "é") == "é");
}

TEST_CASE("bytes that are not UTF-8 do no harm, and match nothing") {
  CHECK(found(Regex("b.*"), "\xff abc \xc3 b") == "bc ");
  CHECK(found(Regex("\\w+$"), "abc\xff\xfe d") == "d");
  CHECK(found(Regex("."), "\xff\xfe\xc3") == "-");
  CHECK(found(Regex("^ b"), "\xff b") == "-");
  CHECK(found(Regex("x"), std::string("\0x", 2)) == "x");
  for (const std::size_t size : {100, 100'000, 3'000'000}) {
    const std::string bad(size, '\x80');
    CHECK(Regex("b").find(bad + "b")->begin == size);
    CHECK(found(Regex("b"), bad) == "-");
    CHECK(Regex("b").find(std::string(size, 'a') + "\xc3" + "b")->begin == size + 1);
  }
  CHECK(has(refusal("\xff"), "UTF-8"));
}

TEST_CASE("a bad pattern is told with its place and the reason") {
  CHECK(refusal("a(b") == "\"a(b\" is no regular expression: missing closing parenthesis, at byte 3 of 3");
  CHECK(has(refusal("["), "at byte 1 of 1"));
  CHECK(has(refusal("*"), "quantifier does not follow a repeatable item, at byte 1"));
  CHECK(has(refusal("\\C"), "\\C"));
}

TEST_CASE("a pattern that would take for ever is given up") {
  const std::string text(40, 'a');
  CHECK_THROWS_AS(Regex("^(a+)+$").find(text + "b"), TooCostly);
  CHECK(found(Regex("^(a+)+$"), text) == text);
  CHECK(found(Regex("(?:a|b)*c"), std::string(1'000'000, 'a').substr(0, 5) + "c") == "aaaaac");
}

TEST_CASE("long texts") {
  const std::string text = std::string(1 << 20, 'a') + "b";
  CHECK(Regex("ab$").find(text)->begin == (1 << 20) - 1);
  CHECK(Regex("^[^c]*b$").find(text));
  CHECK_FALSE(Regex("aa.*c").find("aa" + std::string(1 << 20, 'b')));
  CHECK_THROWS_AS(Regex("a+(c|d)").find(text), TooCostly);
  std::string wide;
  while (wide.size() < 100'000) wide += "é";
  CHECK(Regex("\\z").find(wide)->begin == wide.size());
  CHECK(Regex("b").find(wide + "b")->begin == wide.size());
}

TEST_CASE("many bytes that are not UTF-8") {
  const Regex regex("b");
  for (const char* piece : {"\x80", "\xff ", "a\xc3", "\xf0\x9f"}) {
    CHECK(grows_linearly([&](std::size_t size) { regex.find(repeated(piece, size)); }, 1 << 16));
  }
}

TEST_CASE("a word") {
  const auto ana = Regex::of_word("ana", Regex::Case::any);
  CHECK(found(ana, "hi Ana!") == "Ana");
  CHECK(found(ana, "@ANA:") == "ANA");
  CHECK(found(ana, "banana, anab ana_ éana") == "-");
  CHECK(found(Regex::of_word("a.b\\E", Regex::Case::exact), "axb\\E a.b\\E") == "a.b\\E");
  CHECK(found(Regex::of_word("Ana María", Regex::Case::any), "ANA MARÍA?") == "ANA MARÍA");
}
