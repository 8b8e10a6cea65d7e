#include "cli/arguments.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/common_options.h"
#include "cli/exit_code.h"
#include "cli/reading_options.h"
#include "cli/secrets.h"
#include "unit/catch.h"

using namespace chat;

namespace {

std::vector<std::string> hidden(std::vector<std::string> args) {
  args.insert(args.begin(), "chat-pub");
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  cli::hide_passwords(static_cast<int>(args.size()), argv.data());
  CHECK(args.front() == "chat-pub");
  args.erase(args.begin());
  return args;
}

using Args = std::vector<std::string>;

Args words_of(Args args) {
  CLI::App app;
  std::optional<std::string> topic;
  std::vector<std::string> words;
  app.add_option("TOPIC", topic);
  cli::add_words(app, "MESSAGE", words);
  std::reverse(args.begin(), args.end());
  app.parse(std::move(args));
  if (topic) words.insert(words.begin(), "topic=" + *topic);
  return words;
}

std::string parse_error(const std::function<void(CLI::App&)>& options, Args args) {
  CLI::App app;
  options(app);
  std::reverse(args.begin(), args.end());
  try {
    app.parse(std::move(args));
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  return "";
}

struct Variable {
  const char* name;
  Variable(const char* variable, const char* value) : name(variable) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
};

}  // namespace

TEST_CASE("each failure has its exit code") {
  CHECK(cli::exit_code(Failure::command) == 1);
  CHECK(cli::exit_code(Failure::usage) == 64);
  CHECK(cli::exit_code(Failure::input) == 65);
  CHECK(cli::exit_code(Failure::no_topic) == 66);
  CHECK(cli::exit_code(Failure::unreachable) == 69);
  CHECK(cli::exit_code(Failure::file) == 73);
  CHECK(cli::exit_code(Failure::output) == 74);
  CHECK(cli::exit_code(Failure::again) == 75);
  CHECK(cli::exit_code(Failure::lost) == 76);
  CHECK(cli::exit_code(Failure::denied) == 77);
}

TEST_CASE("a password in --redis is overwritten") {
  CHECK(hidden({"topic1", "--redis", "redis://u:secret@h:1/0", "x"}) ==
        Args{"topic1", "--redis", "redis://u:******@h:1/0", "x"});
  CHECK(hidden({"--redis=redis://:secret@h"}) == Args{"--redis=redis://:******@h"});
  CHECK(hidden({"--redis=redis://a:1@h", "--redis", "rediss://b:22@h"}) ==
        Args{"--redis=redis://a:*@h", "--redis", "rediss://b:**@h"});
  CHECK(hidden({"--redis", "redis-sentinel://:pw@a:1,b:2/m"}) ==
        Args{"--redis", "redis-sentinel://:**@a:1,b:2/m"});
}

TEST_CASE("a password may hold what separates") {
  CHECK(hidden({"--redis=redis://u:a:b@c/d@h:1"}) == Args{"--redis=redis://u:*******@h:1"});
  CHECK(hidden({"--redis=u:pw@h"}) == Args{"--redis=u:**@h"});
}

TEST_CASE("nothing else in argv changes") {
  const Args same[] = {{},
                       {"--redis"},
                       {"--redis", ""},
                       {"--redis="},
                       {"--redis=redis://h:6379/0"},
                       {"--redis=redis://user@h:6379"},
                       {"--redis=redis://user:@h"},
                       {"--redis=unix:///run/redis.sock?db=0"},
                       {"t", "redis://u:secret@h"},
                       {"--redis-cli", "redis://u:secret@h"}};
  for (const Args& args : same) CHECK(hidden(args) == args);
}

TEST_CASE("words are taken as they are") {
  CHECK(words_of({"t", "[a,b]", "{}", "", "[]", "%%", "x"}) ==
        Args{"topic=t", "[a,b]", "{}", "", "[]", "%%", "x"});
  CHECK(words_of({"t", "{}"}) == Args{"topic=t", "{}"});
  CHECK(words_of({"t", "--", "-x", "--"}) == Args{"topic=t", "-x", "--"});
  CHECK(words_of({"t"}) == Args{"topic=t"});
  CHECK(words_of({}).empty());
}

TEST_CASE("bad values name option and value") {
  std::optional<std::uint64_t> number;
  const auto count = [&](CLI::App& app) { cli::add_number(app, "-n,--count", number, ""); };
  CHECK(parse_error(count, {"-n", "18446744073709551615"}) == "");
  CHECK(number == 18446744073709551615U);
  for (const std::string bad : {"0", "-1", "+1", "1x", " 1", "", "0x10", "18446744073709551616"}) {
    CHECK(parse_error(count, {"--count", bad}) ==
          "--count: must be a whole number from 1, not \"" + bad + "\"");
  }

  std::optional<std::chrono::milliseconds> duration;
  const auto timeout = [&](CLI::App& app) { cli::add_duration(app, "--timeout", duration, ""); };
  CHECK(parse_error(timeout, {"--timeout", "10s"}) == "");
  CHECK(duration == std::chrono::seconds(10));
  const std::string bad_duration = parse_error(timeout, {"--timeout", "10"});
  CHECK(bad_duration.starts_with("--timeout: "));
  CHECK(bad_duration.find("10", 11) != std::string::npos);

  cli::Common common;
  const auto all = [&](CLI::App& app) { cli::add_common(app, common); };
  CHECK(parse_error(all, {"--color", "always"}) == "");
  CHECK(parse_error(all, {"--color", "blue"}) == "--color: must be auto, always or never, not \"blue\"");

  cli::OutputOptions output;
  const auto format = [&](CLI::App& app) { cli::add_output(app, output); };
  CHECK(parse_error(format, {"--format", "%u: %m"}) == "");
  CHECK(parse_error(format, {"--format", "%"}).starts_with("--format: "));
}

TEST_CASE("output options make a style") {
  const cli::Common common;
  cli::OutputOptions options;
  CHECK(options.style(common, false).form == Form::text);
  CHECK(options.style(common, false, Form::json).form == Form::json);
  CHECK(options.style(common, true).with_topic);
  options.null_separated = true;
  CHECK(options.style(common, false).null_separated);
  options.raw = true;
  CHECK(options.style(common, false, Form::json).form == Form::raw);
  options.raw = false;
  options.format = "%m";
  CHECK(options.style(common, false).form == Form::custom);
  CHECK(options.style(common, false).format == "%m");
}

TEST_CASE("output options exclude each other") {
  const auto error = [](bool json, bool raw, std::optional<std::string> format) -> std::string {
    try {
      cli::OutputOptions{json, raw, false, std::move(format)}.style({}, false);
    } catch (const Error& failed) {
      CHECK(failed.failure() == Failure::usage);
      return failed.what();
    }
    return "";
  };
  CHECK(error(true, true, {}) == "--json and --raw exclude each other");
  CHECK(error(true, false, "%m") == "--json and --format exclude each other");
  CHECK(error(false, true, "%m") == "--raw and --format exclude each other");
  CHECK(error(true, false, {}) == "");
}

TEST_CASE("colours are for terminals that have them") {
  unsetenv("NO_COLOR");
  const Variable term("TERM", "xterm");
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(master >= 0);
  REQUIRE(grantpt(master) == 0);
  REQUIRE(unlockpt(master) == 0);
  const int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
  const int file = open("/dev/null", O_WRONLY);

  cli::Common common;
  CHECK(common.use_color(terminal));
  CHECK(!common.use_color(file));
  common.color = "never";
  CHECK(!common.use_color(terminal));
  common.color = "always";
  CHECK(common.use_color(file));
  common.color = "auto";
  {
    const Variable no_color("NO_COLOR", "1");
    CHECK(!common.use_color(terminal));
  }
  {
    const Variable no_color("NO_COLOR", "");
    CHECK(common.use_color(terminal));
  }
  {
    const Variable dumb("TERM", "dumb");
    CHECK(!common.use_color(terminal));
  }
  for (const int fd : {master, terminal, file}) close(fd);
}
