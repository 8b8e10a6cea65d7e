#include "cli/help.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "unit/catch.h"

using namespace chat;

namespace {

struct Tool {
  std::optional<std::uint64_t> count;
  std::optional<std::chrono::milliseconds> timeout;
  std::string topic, format;
  std::vector<std::string> words;
  bool strict = false, purge = false;
  CLI::App app{"Does what tests want.", "chat-test"};

  Tool() {
    app.set_help_flag();
    app.fallthrough();
    app.footer("Example: chat-test x");
    app.add_option("TOPIC", topic)->type_name("")->required();
    cli::add_words(app, "MESSAGE", words);
    CLI::Option* number = cli::add_number(app, "-n,--count", count, "End after N messages");
    cli::add_duration(app, "--timeout", timeout, "End in time")->excludes(number);
    app.add_option("--format", format, "As it says,\nor not")->type_name("TEMPLATE");
    app.add_flag("--strict", strict, "Be strict")->group("Other");
  }

  std::string error(std::vector<std::string> args) {
    std::reverse(args.begin(), args.end());
    try {
      app.parse(std::move(args));
    } catch (const CLI::ParseError& failed) {
      return cli::explain(app, failed);
    }
    return "";
  }
};

}  // namespace

TEST_CASE("help is a page of rows") {
  CHECK(cli::help_page(Tool().app) ==
        "Usage: chat-test [OPTION]... TOPIC [MESSAGE]...\n"
        "Does what tests want.\n"
        "\n"
        "Options:\n"
        "  -n, --count N               End after N messages\n"
        "  --timeout DURATION          End in time\n"
        "  --format TEMPLATE           "
        "As it says,\n"
        "                              or not\n"
        "\n"
        "Other:\n"
        "  --strict                    Be strict\n"
        "\n"
        "Example: chat-test x\n"
        "Manual: man chat-test, man redis-chat\n");
}

TEST_CASE("help of a command is its own") {
  Tool tool;
  CLI::App* const remove = tool.app.add_subcommand("rm", "Remove something");
  remove->footer("Example: chat-test rm x");
  remove->add_flag("--purge", tool.purge, "Wholly");
  CHECK(cli::help_page(tool.app).find(
            "\nCommands (each has --help):\n  rm                          Remove") != std::string::npos);
  tool.error({"topic", "rm"});
  CHECK(cli::help_page(tool.app) ==
        "Usage: chat-test rm [OPTION]...\n"
        "Remove something\n"
        "\n"
        "Options:\n"
        "  --purge                     Wholly\n"
        "\n"
        "Also the common options of 'chat-test --help'.\n"
        "\n"
        "Example: chat-test rm x\n"
        "Manual: man chat-test, man redis-chat\n");
}

TEST_CASE("an error names what is wrong and what to do") {
  CHECK(Tool().error({"topic"}) == "");
  CHECK(Tool().error({}) == "TOPIC is required; usage: chat-test [OPTION]... TOPIC [MESSAGE]...");
  CHECK(Tool().error({"t", "--strct"}) == "unknown option --strct: did you mean --strict?");
  CHECK(Tool().error({"t", "--form=x"}) == "unknown option --form: did you mean --format?");
  CHECK(Tool().error({"t", "--frobnicate"}) == "unknown option --frobnicate; try 'chat-test --help'");
  CHECK(Tool().error({"-x"}) == "unknown option -x; try 'chat-test --help'");
  CHECK(Tool().error({"t", "-n"}) == "--count wants a value: N");
  CHECK(Tool().error({"-n", "x", "--", "t"}) == "--count: must be a whole number from 1, not \"x\"");
  CHECK(Tool().error({"t", "-n", "1", "--timeout", "1s"}) == "--count and --timeout exclude each other");
}

TEST_CASE("an unknown command is told from an argument too many") {
  Tool tool;
  CLI::App app("", "chat-test");
  app.add_subcommand("add")->add_option("TOPIC", tool.topic)->required();
  const auto error = [&](std::vector<std::string> args) -> std::string {
    std::reverse(args.begin(), args.end());
    try {
      app.parse(std::move(args));
    } catch (const CLI::ParseError& failed) {
      return cli::explain(app, failed);
    }
    return "";
  };
  CHECK(error({"ad"}) == "unknown command \"ad\": did you mean add?");
  CHECK(error({"add", "x", "y"}) == "unexpected argument \"y\"; usage: chat-test add [OPTION]... TOPIC");
  CHECK(error({"add", "x", "--purge"}) == "unknown option --purge; try 'chat-test add --help'");
}
