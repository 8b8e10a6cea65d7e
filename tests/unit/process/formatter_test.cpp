#include "process/formatter.h"

#include <cmath>
#include <cstdint>
#include <set>
#include <string>

#include "base/error.h"
#include "chat/entry_id.h"
#include "unit/catch.h"
#include "unit/linear.h"
#include "unit/zone.h"

using namespace chat;

namespace {

constexpr std::int64_t nov_25 = 1795564800;  // 2026-11-25T00:00:00Z

Message message_at(std::int64_t timestamp) {
  Message message;
  message.id = EntryId{1795564800123, 7};
  message.user = "ana";
  message.text = "hello";
  message.timestamp = timestamp;
  return message;
}

std::string formatted(const Style& style, const Message& message, std::int64_t now = nov_25) {
  std::string out = "<";
  Formatter(style).append(out, "topic1", message, now);
  return out.substr(1);
}

Style custom(const char* format) {
  Style style;
  style.form = Form::custom;
  style.format = format;
  return style;
}

std::string refused_format(const char* format) {
  try {
    const Formatter formatter(custom(format));
  } catch (const Error& error) {
    CHECK(error.failure() == Failure::usage);
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("text shows the local time, and the date when it isn't today") {
  const Zone zone("UTC0");
  const std::int64_t when = nov_25 + 14 * 3600 + 3 * 60 + 27;
  Style style;
  CHECK(formatted(style, message_at(when), nov_25 + 86399) == "14:03:27 ana: hello\n");
  CHECK(formatted(style, message_at(when - 86400)) == "2026-11-24 14:03:27 ana: hello\n");
  CHECK(formatted(style, message_at(when), nov_25 + 86400) == "2026-11-25 14:03:27 ana: hello\n");
  CHECK(formatted(style, message_at(when), nov_25 + 365 * 86400) == "2026-11-25 14:03:27 ana: hello\n");
  style.with_topic = true;
  CHECK(formatted(style, message_at(when)) == "14:03:27 [topic1] ana: hello\n");
  style.null_separated = true;
  CHECK(formatted(style, message_at(when)) == std::string("14:03:27 [topic1] ana: hello\0", 29));
}

TEST_CASE("today is a local day") {
  const Zone zone(berlin);
  CHECK(formatted({}, message_at(nov_25 - 3600), nov_25) == "00:00:00 ana: hello\n");
  CHECK(formatted({}, message_at(nov_25 - 3601), nov_25) == "2026-11-24 23:59:59 ana: hello\n");
}

TEST_CASE("one Formatter, many times") {
  const Zone zone(berlin);
  Formatter formatter(custom("%T"));
  const auto at = [&](std::int64_t timestamp) {
    std::string out;
    formatter.append(out, "t", message_at(timestamp), nov_25);
    return out;
  };
  const std::int64_t autumn = 1792890000;
  CHECK(at(autumn - 1) == "2026-10-25T02:59:59+02:00\n");
  CHECK(at(autumn) == "2026-10-25T02:00:00+01:00\n");
  CHECK(at(autumn + 59) == "2026-10-25T02:00:59+01:00\n");
  CHECK(at(autumn + 1) == "2026-10-25T02:00:01+01:00\n");
  CHECK(at(autumn - 1) == "2026-10-25T02:59:59+02:00\n");
  CHECK(at(0) == "1970-01-01T01:00:00+01:00\n");
  CHECK(at(-1) == "1970-01-01T00:59:59+01:00\n");
  CHECK(at(INT64_MAX) == "@9223372036854775807\n");
  CHECK(at(-1) == "1970-01-01T00:59:59+01:00\n");
}

TEST_CASE("offsets that are no whole hours or minutes") {
  Formatter west(custom("%T"));
  {
    const Zone zone("NST3:30");
    std::string out;
    west.append(out, "t", message_at(nov_25), nov_25);
    CHECK(out == "2026-11-24T20:30:00-03:30\n");
  }
  const Zone zone("LMT-0:53:28");
  Formatter formatter({});
  std::string out;
  for (const std::int64_t timestamp : {nov_25, nov_25 + 31, nov_25 + 32, nov_25 + 59}) {
    formatter.append(out, "t", message_at(timestamp), nov_25);
  }
  CHECK(out == "00:53:28 ana: hello\n00:53:59 ana: hello\n00:54:00 ana: hello\n00:54:27 ana: hello\n");
}

TEST_CASE("times far away are shown as seconds") {
  const Zone zone("UTC0");
  CHECK(formatted({}, message_at(-1)) == "1969-12-31 23:59:59 ana: hello\n");
  CHECK(formatted({}, message_at(253402300799)) == "9999-12-31 23:59:59 ana: hello\n");
  CHECK(formatted({}, message_at(253402300800)) == "@253402300800 ana: hello\n");
  CHECK(formatted({}, message_at(-62135596800)) == "0001-01-01 00:00:00 ana: hello\n");
  CHECK(formatted({}, message_at(-62135596801)) == "@-62135596801 ana: hello\n");
  CHECK(formatted({}, message_at(INT64_MAX)) == "@9223372036854775807 ana: hello\n");
  CHECK(formatted({}, message_at(INT64_MIN)) == "@-9223372036854775808 ana: hello\n");
  CHECK(formatted({}, message_at(0), INT64_MIN) == "1970-01-01 00:00:00 ana: hello\n");
  CHECK(formatted(custom("%T|%{%Y}"), message_at(INT64_MIN)) ==
        "@-9223372036854775808|@-9223372036854775808\n");
}

TEST_CASE("a message can't forge a line") {
  const Zone zone("UTC0");
  Message message = message_at(nov_25);
  message.user = "a\nb";
  message.text = "x\n00:00:00 eve: y\x1b[2J";
  Style style;
  CHECK(formatted(style, message) == "00:00:00 a\\nb: x\\n00:00:00 eve: y\x1b[2J\n");
  style.for_terminal = true;
  CHECK(formatted(style, message) == "00:00:00 a\\nb: x\\n00:00:00 eve: y\\x1b[2J\n");
  Style own = custom("%u|%m");
  CHECK(formatted(own, message) == "a\\nb|x\\n00:00:00 eve: y\x1b[2J\n");
  own.for_terminal = true;
  CHECK(formatted(own, message) == "a\\nb|x\\n00:00:00 eve: y\\x1b[2J\n");
}

TEST_CASE("colours: dim time, bold topic, a user's own") {
  const Zone zone("UTC0");
  Style style;
  style.color = true;
  style.with_topic = true;
  const std::string ana = formatted(style, message_at(nov_25));
  CHECK(ana == "\x1b[2m00:00:00\x1b[0m \x1b[1m[topic1]\x1b[0m \x1b[34mana\x1b[0m: hello\n");
  Message message = message_at(nov_25);
  std::string seen;
  for (char c = 'a'; c <= 'z'; ++c) {
    message.user = std::string(1, c);
    const std::string line = formatted(style, message);
    const char color = line[line.find("\x1b[3") + 3];
    CHECK(color >= '1');
    CHECK(color <= '6');
    if (seen.find(color) == std::string::npos) seen += color;
  }
  CHECK(seen.size() == 6);
}

// How much light a colour of the 256 gives, as WCAG defines it; those from 16 on are a cube of 6 steps.
double luminance(int number) {
  const auto part = [](int step) {
    const double value = (step == 0 ? 0 : 55 + 40 * step) / 255.0;
    return value <= 0.03928 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  };
  const int at = number - 16;
  return 0.2126 * part(at / 36) + 0.7152 * part(at / 6 % 6) + 0.0722 * part(at % 6);
}

TEST_CASE("of 256 colours, those that can be read on black and on white") {
  Style style;
  style.color = true;
  style.many_colors = true;
  Message message = message_at(nov_25);
  std::set<int> seen;
  for (char c = 'A'; c <= 'z'; ++c) {
    message.user = std::string(1, c);
    const std::string line = formatted(style, message);
    const std::size_t at = line.find("\x1b[38;5;");
    REQUIRE(at != line.npos);
    seen.insert(std::atoi(line.c_str() + at + 7));
  }
  CHECK(seen.size() == 9);
  for (const int number : seen) {
    INFO(number);
    REQUIRE(number >= 16);
    CHECK((luminance(number) + 0.05) / 0.05 >= 3.85);
    CHECK(1.05 / (luminance(number) + 0.05) >= 3.85);
  }
}

TEST_CASE("on a terminal: days, and wrapped under the beginning of the text") {
  const Zone zone("UTC0");
  Style style;
  style.color = true;
  style.for_terminal = true;
  Formatter formatter(style);
  formatter.set_width(30);
  std::string out;
  const auto add = [&](std::int64_t time, const std::string& text) {
    Message message = message_at(time);
    message.text = text;
    out.clear();
    formatter.append(out, "t", message, nov_25);
    return out;
  };
  const std::string ana = "\x1b[2m00:00:00\x1b[0m \x1b[34mana\x1b[0m: ";
  CHECK(add(nov_25, "today, and very much so") == ana + "today, and very\n              much so\n");
  CHECK(add(nov_25 - 86400, "x\ny") ==
        "\x1b[2m── Tuesday 2026-11-24 ──\x1b[0m\n" + ana + "x\n              y\n");
  CHECK(add(nov_25 - 86400, "one two three four\n\nx\n") ==
        ana + "one two three\n              four\n              \n              x\n");
  CHECK(add(nov_25 - 86400, "z") == ana + "z\n");
  CHECK(add(nov_25, "z") == "\x1b[2m── Wednesday 2026-11-25 ──\x1b[0m\n" + ana + "z\n");
  CHECK(add(std::int64_t{1} << 60, "z").find("──") == std::string::npos);
  formatter.set_width(0);
  CHECK(add(nov_25, std::string(100, 'x')) == ana + std::string(100, 'x') + "\n");
}

TEST_CASE("mentions of me stand out on a terminal") {
  const Zone zone("UTC0");
  Style style;
  style.color = true;
  style.for_terminal = true;
  style.me = "ben";
  Message message = message_at(nov_25);
  message.text = "Ben, @ben: benign \x1b ben";
  const std::string line = formatted(style, message);
  CHECK(line.substr(line.find(": ") + 2) ==
        "\x1b[1;7mBen\x1b[0m, @\x1b[1;7mben\x1b[0m: benign \\x1b \x1b[1;7mben\x1b[0m\n");
  CHECK(Formatter(style).mentions_me(message));
  message.text = "benign";
  CHECK_FALSE(Formatter(style).mentions_me(message));
  style.color = false;
  message.text = "ben";
  CHECK(formatted(style, message) == "00:00:00 ana: ben\n");
}

TEST_CASE("the json and raw forms") {
  Style style;
  style.form = Form::json;
  Message message = message_at(5);
  message.text = "a\x7f\n";
  CHECK(formatted(style, message) ==
        "{\"topic\": \"topic1\", \"id\": \"1795564800123-7\", \"user\": \"ana\", \"message\": \"a\x7f\\n\", "
        "\"timestamp\": 5}\n");
  style.for_terminal = true;
  CHECK(
      formatted(style, message) ==
      R"({"topic": "topic1", "id": "1795564800123-7", "user": "ana", "message": "a\u007f\n", "timestamp": 5})"
      "\n");
  style = {};
  style.form = Form::raw;
  CHECK(formatted(style, message) == "a\x7f\n\n");
  style.null_separated = true;
  CHECK(formatted(style, message) == std::string("a\x7f\n\0", 4));
  style.for_terminal = true;
  CHECK(formatted(style, message) == std::string("a\\x7f\\n\0", 8));
}

TEST_CASE("templates") {
  const Zone zone(berlin);
  const Message message = message_at(nov_25);
  CHECK(formatted(custom(""), message) == "\n");
  CHECK(formatted(custom("%t %i %u %m %T"), message) ==
        "topic1 1795564800123-7 ana hello 2026-11-25T01:00:00+01:00\n");
  CHECK(formatted(custom("100%% %%m"), message) == "100% %m\n");
  CHECK(formatted(custom("%{%d.%m.%Y %H:%M %Z}|%{}|%{x}"), message) == "25.11.2026 01:00 CET||x\n");
  CHECK(formatted(custom("a\\tb\\nc\\0d\\\\n\\q\\"), message) == std::string("a\tb\nc\0d\\n\\q\\\n", 13));
  CHECK(formatted(custom("%m%m\xc3\xa9"), message) == "hellohello\xc3\xa9\n");
  Message plain = message;
  plain.id.reset();
  CHECK(formatted(custom("%i"), plain) == "-\n");
  CHECK(formatted(custom("%{%1000Y}"), message).size() == 1001);
  CHECK(formatted(custom("[%{%1000000000Y}]"), message) == "[]\n");
}

TEST_CASE("a wrong template is refused when it is read") {
  CHECK(refused_format("%m %") == "the format \"%m %\" ends with a '%'; write %% for one itself");
  CHECK(refused_format("%x") ==
        "the format \"%x\" has an unknown \"%x\"; known are %t %i %u %m %T %{strftime} and %%");
  CHECK(refused_format("%{%H") == "the format \"%{%H\" lacks the '}' after its %{");
  CHECK(refused_format("%\n").find('\n') == std::string::npos);
  CHECK(refused_format("%%%") == "the format \"%%%\" ends with a '%'; write %% for one itself");
}

TEST_CASE("web addresses are links where the terminal knows them, and nothing else drives it") {
  const Zone zone("UTC0");
  Style style;
  style.color = true;
  style.for_terminal = true;
  style.me = "ben";
  Message message = message_at(nov_25);
  message.text = "ben: http://a/ben\x1b]8;;http://evil\x07.";
  const auto body = [&] {
    const std::string line = formatted(style, message);
    return line.substr(line.find(": ") + 2);
  };
  CHECK(body() == "\x1b[1;7mben\x1b[0m: http://a/\x1b[1;7mben\x1b[0m\\x1b]8;;http://evil\\x07.\n");
  style.links = true;
  CHECK(body() ==
        "\x1b[1;7mben\x1b[0m: \x1b]8;;http://a/ben\x1b\\http://a/\x1b[1;7mben\x1b[0m\x1b]8;;\x1b\\\\x1b]8;;"
        "\x1b]8;;http://evil\x1b\\http://evil\x1b]8;;\x1b\\\\x07.\n");
  style.color = false;
  CHECK(body() == "ben: http://a/ben\\x1b]8;;http://evil\\x07.\n");
  style.for_terminal = false;
  CHECK(body() == message.text + "\n");
}

TEST_CASE("what runs from right to left stays where it is") {
  const Zone zone("UTC0");
  Style style;
  style.color = true;
  style.for_terminal = true;
  style.isolates = true;
  Message message = message_at(nov_25);
  CHECK(formatted(style, message).find("\u2068") == std::string::npos);
  message.text = "\u05e9\u05dc\u05d5\u05dd";
  message.user = "\u05d0";
  const std::string line = formatted(style, message);
  CHECK(line.find("m\u2068\u05d0\u2069\x1b[0m: \u2068\u05e9\u05dc\u05d5\u05dd\u2069\n") != std::string::npos);
  Formatter formatter(style);
  formatter.set_width(20);
  std::string out;
  message.text += " " + message.text + " " + message.text;
  formatter.append(out, "t", message, nov_25);
  const std::string word = "\u05e9\u05dc\u05d5\u05dd";
  CHECK(out.ends_with(": \u2068" + word + "\u2069\n    \u2068" + word + " " + word + "\u2069\n"));
  style.color = false;
  CHECK(formatted(style, message).find("\u2068") == std::string::npos);
}

TEST_CASE("a name hides nothing on a terminal") {
  const Zone zone("UTC0");
  Style style;
  Message message = message_at(nov_25);
  message.user = "a\u200bna";
  CHECK(formatted(style, message) == "00:00:00 a\u200bna: hello\n");
  CHECK(formatted(custom("%u"), message) == "a\u200bna\n");
  style.for_terminal = true;
  CHECK(formatted(style, message) == "00:00:00 a\\u200bna: hello\n");
  message.text = "a\u200bb";
  style.form = Form::raw;
  CHECK(formatted(style, message) == "a\u200bb\n");
}

TEST_CASE("no text takes longer than its length") {
  const Zone zone("UTC0");
  Style plain;
  plain.for_terminal = true;
  Style dressed = plain;
  dressed.color = dressed.links = dressed.isolates = true;
  dressed.me = "me";
  Style json = plain;
  json.form = Form::json;
  Style raw = plain;
  raw.form = Form::raw;
  for (const Style& style : {plain, dressed, json, raw}) {
    for (const char* piece : {"x",          "me,",
                              "me me ",     "m",
                              " ",          "\u00e9",
                              "\u0301",     "e\u0301",
                              "\u65e5",     "\u65e5\u3001",
                              "\u3001",     "\U0001f468\u200d",
                              "\U0001f1e9", "\u00a0",
                              "\u2800",     "\u05d0",
                              "\u05d0 ",    "http://",
                              "http://a ",  "https://a/",
                              "://",        ")",
                              "http://(",   "\xff",
                              "\x1b",       "\x1b[",
                              "\x1b]",      "\\",
                              "\n",         "\"",
                              "\x80"}) {
      INFO(static_cast<int>(style.form) << " " << piece);
      const auto show = [&](std::size_t size, bool as_name) {
        Message message = message_at(nov_25);
        std::string& text = as_name ? message.user : message.text;
        while (text.size() < size) text += piece;
        Formatter formatter(style);
        formatter.set_width(80);
        std::string out;
        formatter.append(out, "topic1", message, nov_25);
        CHECK(out.size() < 40 * size);
      };
      CHECK(grows_linearly([&](std::size_t size) { show(size, false); }, 1 << 14));
      CHECK(grows_linearly([&](std::size_t size) { show(size, true); }, 1 << 14));
    }
  }
}
