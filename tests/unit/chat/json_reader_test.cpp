#include "chat/json_reader.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "unit/catch.h"

using namespace chat;

namespace {

using Kind = JsonReader::Kind;
/// An object's members, each with what was found of its value.
using Members = std::map<std::string, std::string>;

std::string as_text(bool fits, std::int64_t whole) { return fits ? std::to_string(whole) : "too large"; }

/// Throws NotJson.
Members members_of(std::string_view text) {
  Members members;
  JsonReader reader(text);
  while (const auto name = reader.member()) {
    std::string& value = members[std::string(*name)];
    const Kind kind = reader.kind();
    if (kind == Kind::string) {
      value = '"' + std::string(reader.string());
    } else if (kind == Kind::number) {
      const JsonReader::Number number = reader.number();
      value = as_text(number.fits, number.whole);
    } else {
      reader.skip();
      value = "kind " + std::to_string(static_cast<int>(kind));
    }
  }
  return members;
}

std::string number_of(const nlohmann::json& number) {
  if (number.is_number_unsigned()) {
    const auto value = number.get<std::uint64_t>();
    return as_text(value <= INT64_MAX, static_cast<std::int64_t>(value));
  }
  if (number.is_number_integer()) return as_text(true, number.get<std::int64_t>());
  const auto value = number.get<double>();
  const bool fits = value > -0x1p63 && value < 0x1p63;
  return as_text(fits, fits ? static_cast<std::int64_t>(value) : 0);
}

std::string value_of(const nlohmann::json& value) {
  if (value.is_string()) return '"' + value.get<std::string>();
  if (value.is_number()) return number_of(value);
  const Kind kind = value.is_null()      ? Kind::null
                    : value.is_boolean() ? Kind::boolean
                    : value.is_array()   ? Kind::array
                                         : Kind::object;
  return "kind " + std::to_string(static_cast<int>(kind));
}

/// The same as another library sees it; nothing when it is no JSON object.
std::optional<Members> expected_of(const std::string& text) {
  const auto value = nlohmann::json::parse(text, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  Members members;
  for (const auto& [name, member] : value.items()) members[name] = value_of(member);
  return members;
}

std::optional<Members> found_of(const std::string& text) {
  try {
    return members_of(text);
  } catch (const NotJson& error) {
    CHECK(error.byte >= 1);
    CHECK(error.byte <= text.size() + 1);
    return std::nullopt;
  }
}

std::string skipped(std::string_view text) {
  try {
    JsonReader reader(text);
    reader.skip();
    return "skipped";
  } catch (const NotJson& error) {
    return "wrong at " + std::to_string(error.byte);
  }
}

/// Objects put together at random, then damaged.
class Generator {
 public:
  std::string object(unsigned depth) {
    std::string text = "{" + space();
    for (std::size_t i = below(4); i > 0; --i) {
      text += string() + space() + ":" + space() + value(depth) + space();
      if (i > 1) text += "," + space();
    }
    return text + "}";
  }

  std::string damaged(std::string text) {
    for (std::size_t i = below(3); i > 0; --i) {
      const std::size_t at = below(text.size() + 1);
      switch (below(3)) {
        case 0:
          text.insert(at, piece());
          break;
        case 1:
          text.erase(at, 1 + below(3));
          break;
        default:
          text.replace(at, below(3), piece());
      }
    }
    return text;
  }

 private:
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }
  std::string piece() { return pieces_[below(pieces_.size())]; }
  std::string space() { return below(4) > 0 ? "" : spaces_[below(spaces_.size())]; }

  std::string string() {
    if (below(3) == 0) return '"' + names_[below(names_.size())] + '"';
    std::string text = "\"";
    for (std::size_t i = below(6); i > 0; --i) text += below(3) > 0 ? "plain text " : piece();
    return text + '"';
  }

  std::string number() {
    std::string text = below(2) == 0 ? "" : "-";
    const auto digits = [&](std::size_t most) {
      for (std::size_t i = 1 + below(most); i > 0; --i) text += static_cast<char>('0' + below(10));
    };
    digits(below(20) == 0 ? 400 : 21);
    if (below(3) == 0) {
      text += '.';
      digits(3);
    }
    if (below(3) == 0) {
      text += exponents_[below(exponents_.size())];
      digits(3);
    }
    return text;
  }

  std::string value(unsigned depth) {
    switch (below(depth > 0 ? 6 : 4)) {
      case 0:
        return number();
      case 1:
        return words_[below(words_.size())];
      case 2:
      case 3:
        return string();
      case 4:
        return object(depth - 1);
      default:
        return "[" + space() + value(depth - 1) + space() + "," + value(depth - 1) + "]";
    }
  }

  std::mt19937 random_{5};
  const std::vector<std::string> spaces_{" ", "\t", "\r\n", "  ", "\f", "\xc2\xa0"};
  const std::vector<std::string> names_{"message", "user", "timestamp", "id", "a", ""};
  const std::vector<std::string> words_{"true", "false", "null", "True", "nul", "[]", "{}", "[[]]"};
  const std::vector<std::string> exponents_{"e", "E", "e+", "e-", "E-"};
  const std::vector<std::string> pieces_{"\\n",
                                         "\\\"",
                                         "\\\\",
                                         "\\/",
                                         "\\u0041",
                                         "\\u00e9",
                                         "\\u20AC",
                                         "\\ud83d\\ude00",
                                         "\\ud83d",
                                         "\\udE00",
                                         "\\u12",
                                         "\\u0000",
                                         "\\x",
                                         "\\",
                                         "\"",
                                         "\n",
                                         "\x1f",
                                         "\x7f",
                                         "\xc3\xa9",
                                         "\xe2\x82\xac",
                                         "\xc3",
                                         "\xed\xa0\x80",
                                         "\xf0\x9f\x98\x80",
                                         "\xf4\x90\x80\x80",
                                         "\xc0\x80",
                                         "\xff",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         "1",
                                         "0",
                                         "-",
                                         ".",
                                         "e5",
                                         "null",
                                         " ",
                                         "\xef\xbb\xbf"};
};

}  // namespace

TEST_CASE("the members of an object") {
  CHECK(members_of("{}").empty());
  CHECK(members_of(" \t{\r\n} ").empty());
  const Members members = members_of(
      R"({"a": "x", "b" :1.9,"c":null,"d":[1,{"a":"no"},[]], "e":{"f":{}}, "g":true, "\u0061": "last"})");
  CHECK(members ==
        Members{
            {"a", "\"last"}, {"b", "1"}, {"c", "kind 0"}, {"d", "kind 4"}, {"e", "kind 5"}, {"g", "kind 1"}});
  CHECK(members_of("\xef\xbb\xbf{\"a\":1}") == Members{{"a", "1"}});
}

TEST_CASE("strings are unescaped, and only then copied") {
  const std::string text = R"({"a": "gr)"
                           "\xc3\xbc"
                           R"(n", "b": "\u00fc\ud83d\ude00\"\\\/\b\f\n\r\t!\u0000"})";
  JsonReader reader(text);
  CHECK(reader.member() == "a");
  const std::string_view plain = reader.string();
  CHECK(plain == "gr\xc3\xbcn");
  CHECK(plain.data() == text.data() + 7);
  CHECK(reader.member() == "b");
  CHECK(reader.string() == std::string_view("\xc3\xbc\xf0\x9f\x98\x80\"\\/\b\f\n\r\t!\0", 16));
  CHECK_FALSE(reader.member());
}

TEST_CASE("any value can be passed over, and the place of a fault is told") {
  for (const char* text :
       {"1", "-0.5e+3", "\"\"", "true", "false", "null", "[]", "{}", "[1, [2, {}], {\"a\": [3]}]"}) {
    CHECK(skipped(text) == "skipped");
  }
  CHECK(skipped("") == "wrong at 1");
  CHECK(skipped("nul") == "wrong at 4");
  CHECK(skipped("[1 2]") == "wrong at 4");
  CHECK(skipped("[1,]") == "wrong at 4");
  CHECK(skipped("{\"a\":1,}") == "wrong at 8");
  CHECK(skipped("{\"a\" 1}") == "wrong at 6");
  CHECK(skipped("[}") == "wrong at 2");
  CHECK(skipped("\"ab") == "wrong at 4");
  CHECK(skipped("\"a\xff\"") == "wrong at 3");
  CHECK(skipped("\"\\u12x4\"") == "wrong at 6");
  CHECK(skipped("-") == "wrong at 2");
  CHECK(skipped("1.") == "wrong at 3");
  CHECK(skipped("1e+") == "wrong at 4");
  CHECK(skipped("[1e999]") == "wrong at 7");
  CHECK(skipped("1e-999") == "skipped");
}

TEST_CASE("what another library refuses is refused, and the rest understood as it is there") {
  Generator generator;
  int accepted = 0;
  constexpr int rounds = 20'000;
  for (int i = 0; i < rounds; ++i) {
    const std::string text = generator.damaged(generator.object(3));
    const auto expected = expected_of(text);
    accepted += expected ? 1 : 0;
    if (found_of(text) == expected) continue;
    FAIL_CHECK(text);
  }
  CHECK(accepted > rounds / 10);
  CHECK(accepted < rounds * 9 / 10);
}
