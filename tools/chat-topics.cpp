#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/output.h"
#include "base/wait.h"
#include "chat/topic.h"
#include "chat/topic_pattern.h"
#include "cli/arguments.h"
#include "cli/common_options.h"
#include "cli/hints.h"
#include "cli/logging.h"
#include "cli/run.h"
#include "cli/topic_list.h"
#include "cli/watch.h"
#include "redis/connection_pool.h"
#include "redis/retry.h"

namespace {

struct Options {
  chat::cli::Common common;
  bool watch = false;
  bool purge = false;
  std::string topic;
  chat::cli::Listing listing;  // of list and who
  chat::Settings settings;
  CLI::App* list = nullptr;
  CLI::App* add = nullptr;
  CLI::App* set = nullptr;
  CLI::App* rm = nullptr;
  CLI::App* who = nullptr;
};

void add_list_options(CLI::App& app, Options& options) {
  chat::cli::add_words(app, "TOPIC", options.listing.topics);
  auto* names = app.add_flag("--names", options.listing.names, "Print names alone");
  app.add_flag("--json", options.listing.json, "Print one JSON object a line")->excludes(names);
  app.add_flag("--watch", options.watch, "Look once a second; on a terminal q quits")->excludes(names);
  app.add_option("--sort", options.listing.sort, "[name; --watch on a terminal: activity]")
      ->type_name("activity|name")
      ->check(chat::cli::one_of({"activity", "name"}))
      ->excludes(names);
}

void add_topic_argument(CLI::App& app, Options& options) {
  app.add_option("TOPIC", options.topic)->type_name("")->required();
}

// set leaves as it is what isn't given.
void add_settings(CLI::App& app, Options& options, bool has_defaults) {
  const auto help = [has_defaults](const std::string& text, const std::string& value) {
    return has_defaults ? text + " [" + value + "]" : text;
  };
  constexpr std::uint64_t most = std::uint64_t{1} << 53;
  add_topic_argument(app, options);
  app.add_option("--max-len", options.settings.max_len,
                 help("Keep the last N messages; 0 keeps all", "100000"))
      ->type_name("N")
      ->check(chat::cli::whole_number(0, most));
  chat::cli::add_duration(app, "--max-age", options.settings.max_age,
                          help("Keep messages for so long; 0s keeps all", "0s"));
  app.add_option("--description", options.settings.description, "What it is about")->type_name("TEXT");
}

void add_options(CLI::App& app, Options& options) {
  app.require_subcommand(0, 1);
  add_list_options(app, options);
  options.list = app.add_subcommand("list", "List topics (also without a command)")
                     ->footer("Example: chat-topics list 'team/*' --json");
  options.list->alias("ls");
  add_list_options(*options.list, options);
  options.add = app.add_subcommand("add", "Make a topic; one that is there is left as it is")
                    ->footer("Example: chat-topics add builds --max-age 7d --description 'what CI says'");
  options.add->alias("create");
  add_settings(*options.add, options, true);
  options.set = app.add_subcommand("set", "Change a topic's settings; acts at once")
                    ->footer("Example: chat-topics set builds --max-len 500");
  add_settings(*options.set, options, false);
  options.rm = app.add_subcommand("rm", "Remove a topic; its messages stay, unless --purge")
                   ->footer("Example: chat-topics rm builds --purge");
  options.rm->alias("delete");
  add_topic_argument(*options.rm, options);
  options.rm->add_flag("--purge", options.purge,
                       "Delete its messages too; else they are there again\nwhen it is added again");
  options.who = app.add_subcommand("who", "Who is subscribed, in all topics or some")
                    ->footer("Example: chat-topics who topic1");
  chat::cli::add_words(*options.who, "TOPIC", options.listing.topics);
  options.who->add_flag("--json", options.listing.json, "Print one JSON object a line");
}

template <typename Work>
auto with_retry(const Options& options, chat::ConnectionPool& pool, const chat::StopToken& stop,
                const Work& work) {
  chat::RetryPolicy retry(pool.endpoint(), options.common.retry_for.value_or(std::chrono::seconds(30)),
                          {.warn = chat::cli::log_warn, .note = chat::cli::log_info});
  return chat::with_retry(pool, retry, stop,
                          [&](const chat::StopToken& until) { return work(retry, until); });
}

void watch(const Options& options, chat::ConnectionPool& pool, chat::Output& out,
           const chat::StopToken& stop) {
  const auto there = with_retry(options, pool, stop, [&](const auto&, const chat::StopToken& until) {
    return chat::list_topics(pool, until);
  });
  chat::cli::check_words(options.listing, there);
  const char* const term = std::getenv("TERM");
  chat::WatchOptions watching;
  watching.topics = options.listing.topics;
  watching.json = options.listing.json;
  watching.color = options.common.use_color(STDOUT_FILENO);
  watching.draw =
      !options.listing.json && isatty(STDOUT_FILENO) == 1 && term != nullptr && term != std::string("dumb");
  watching.by_activity = options.listing.sort != "name";
  watching.retry_for = options.common.retry_for;
  watching.warn = chat::cli::log_warn;
  watching.note = chat::cli::log_info;
  chat::watch(pool, watching, out, stop);
}

// Does what is asked for, and returns what is to be printed. again: an earlier try broke off.
std::string perform(const Options& options, chat::ConnectionPool& pool, bool again,
                    const chat::StopToken& stop) {
  if (options.add->parsed()) {
    const bool made = chat::add_topic(pool, options.topic, options.settings, stop, again);
    if (!made && !again) {
      chat::cli::log_info("topic " + options.topic + " is there already; chat-topics set changes it");
    }
  } else if (options.set->parsed()) {
    chat::set_topic(pool, options.topic, options.settings, stop);
  } else if (options.rm->parsed()) {
    if (again && !chat::look_up(pool, options.topic, stop).exists) return "";
    chat::remove_topic(pool, options.topic, options.purge, stop);
  } else {
    return options.who->parsed() ? chat::cli::who_text(options.listing, pool, stop)
                                 : chat::cli::list_text(options.listing, pool, stop);
  }
  return "";
}

int work(Options& options, const chat::StopToken& stop) {
  const bool changes = options.add->parsed() || options.set->parsed() || options.rm->parsed();
  const bool only_list = options.listing.names || options.watch || !options.listing.sort.empty();
  if ((only_list && (changes || options.who->parsed())) || (options.listing.json && changes)) {
    throw chat::Error(
        chat::Failure::usage,
        "only chat-topics list has --names, --sort and --watch, and only list and who have --json");
  }
  if (changes && !options.listing.topics.empty()) {
    throw chat::Error(chat::Failure::usage, "unexpected argument \"" + options.listing.topics.front() +
                                                "\": add, set and rm take one topic at a time");
  }
  // Without a command a misspelt one must not be taken for a topic that isn't there.
  if (!options.list->parsed() && !options.who->parsed())
    options.listing.commands = {"list", "add", "set", "rm", "who"};
  if (changes) chat::check_topic(options.topic);
  for (const std::string& topic : options.listing.topics) chat::check_topic_or_pattern(topic);
  const chat::Settings& settings = options.settings;
  if (options.set->parsed() && !settings.max_len && !settings.max_age && !settings.description) {
    throw chat::Error(
        chat::Failure::usage,
        "nothing to set: give --max-len, --max-age or --description; try 'chat-topics set --help'");
  }
  chat::ConnectionPool pool(options.common.endpoint(), {.first_retry_for = options.common.retry_for});
  chat::Output out(STDOUT_FILENO, stop);
  if (options.watch) {
    watch(options, pool, out, stop);
  } else {
    out.buffer() =
        with_retry(options, pool, stop, [&](const chat::RetryPolicy& retry, const chat::StopToken& until) {
          return perform(options, pool, retry.in_outage(), until);
        });
  }
  out.flush();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const chat::cli::Tool tool{.name = "chat-topics",
                             .description = "List and manage chat topics in Redis, see who is there.",
                             .footer =
                                 "Examples:\n"
                                 "  chat-topics\n"
                                 "  chat-topics add builds --max-age 7d --description 'what CI says'\n"
                                 "  chat-topics 'team/*' --json\n"
                                 "  chat-topics who topic1",
                             .main_options = {"--watch", "--names", "--json", "--redis"},
                             .options = [&options](CLI::App& app) { add_options(app, options); },
                             .main =
                                 [&options](const chat::StopToken& stop) {
                                   return chat::cli::with_file_hint(options.listing.topics,
                                                                    [&] { return work(options, stop); });
                                 }};
  return chat::cli::run(argc, argv, options.common, tool);
}
