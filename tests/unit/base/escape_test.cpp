#include "base/escape.h"

#include <string>

#include "unit/catch.h"

using namespace chat;

namespace {

std::string escaped(std::string_view field, bool for_terminal) {
  std::string out = "<";
  append_escaped(out, field, for_terminal);
  return out.substr(1);
}

}  // namespace

TEST_CASE("in pipes only newlines are escaped") {
  CHECK(escaped("", false) == "");
  CHECK(escaped("a\nb\n", false) == "a\\nb\\n");
  const std::string bytes("\t\r\x1b\0\x7f\xff\xc2\x9b\xe2\x80\xae\\", 13);
  CHECK(escaped(bytes, false) == bytes);
}

TEST_CASE("for a terminal everything is escaped that could drive it") {
  CHECK(escaped("plain \"text\" \\ and Gr\xc3\xbc\xc3\x9f"
                "e \xf0\x9f\x98\x80",
                true) ==
        "plain \"text\" \\ and Gr\xc3\xbc\xc3\x9f"
        "e \xf0\x9f\x98\x80");
  CHECK(escaped("a\nb\tc\rd", true) == R"(a\nb\tc\rd)");
  CHECK(escaped(std::string_view("\0\a\x1b[2J\x7f", 7), true) == R"(\x00\x07\x1b[2J\x7f)");
  CHECK(escaped("\xc2\x80\xc2\x9b\xc2\xa0", true) == "\\u0080\\u009b\xc2\xa0");
  CHECK(escaped("\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f", true) == R"(\u061c\u200e\u200f)");
  CHECK(escaped("\xe2\x80\xaa\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xa9", true) == R"(\u202a\u202e\u2066\u2069)");
  CHECK(escaped("\xe2\x80\xa8\xe2\x80\xa9", true) == R"(\u2028\u2029)");
  CHECK(escaped("\xff\x9b x \xe2\x80", true) == R"(\xff\x9b x \xe2\x80)");
}

TEST_CASE("in a name also what nobody sees is escaped for a terminal") {
  const auto name = [](std::string_view text, bool for_terminal) {
    std::string out;
    append_escaped_name(out, text, for_terminal);
    return out;
  };
  CHECK(name("Gr\u00fcn \u65e5\u672c \U0001f600", true) == "Gr\u00fcn \u65e5\u672c \U0001f600");
  CHECK(name("a\u200bn\u00ada\ufe0f\u2800", true) == R"(a\u200bn\u00ada\ufe0f\u2800)");
  CHECK(name("ana\U000e0041", true) == R"(ana\U000e0041)");
  CHECK(name("a\n\x1b\u202e\xff", true) == R"(a\n\x1b\u202e\xff)");
  CHECK(name("a\u200b\n", false) == "a\u200b\\n");
}
