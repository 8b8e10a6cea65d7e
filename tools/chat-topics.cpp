#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"
#include "base/output.h"
#include "base/suggest.h"
#include "base/wait.h"
#include "chat/topic.h"
#include "chat/topic_pattern.h"
#include "cli/arguments.h"
#include "cli/common_options.h"
#include "cli/logging.h"
#include "cli/overview_text.h"
#include "cli/run.h"
#include "cli/watch.h"
#include "redis/connection_pool.h"
#include "redis/retry.h"
#include "terminal/terminal.h"

namespace {

struct Options {
  chat::cli::Common common;
  bool names = false;
  bool json = false;
  bool watch = false;
  bool purge = false;
  std::string sort;
  std::string topic;
  std::vector<std::string> topics;  // of list and who: names and patterns
  chat::Settings settings;
  CLI::App* list = nullptr;
  CLI::App* add = nullptr;
  CLI::App* set = nullptr;
  CLI::App* rm = nullptr;
  CLI::App* who = nullptr;
};

void add_list_options(CLI::App& app, Options& options) {
  chat::cli::add_words(app, "TOPIC", options.topics);
  auto* names = app.add_flag("--names", options.names, "Print names alone");
  app.add_flag("--json", options.json, "Print one JSON object a line")->excludes(names);
  app.add_flag("--watch", options.watch, "Look once a second; on a terminal q quits")->excludes(names);
  app.add_option("--sort", options.sort, "[name; --watch on a terminal: activity]")
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
  add_list_options(*options.list, options);
  options.add = app.add_subcommand("add", "Make a topic; one that is there is left as it is")
                    ->footer("Example: chat-topics add builds --max-age 7d --description 'what CI says'");
  add_settings(*options.add, options, true);
  options.set = app.add_subcommand("set", "Change a topic's settings; acts at once")
                    ->footer("Example: chat-topics set builds --max-len 500");
  add_settings(*options.set, options, false);
  options.rm = app.add_subcommand("rm", "Remove a topic; its messages stay, unless --purge")
                   ->footer("Example: chat-topics rm builds --purge");
  add_topic_argument(*options.rm, options);
  options.rm->add_flag("--purge", options.purge,
                       "Delete its messages too; else they are there again\nwhen it is added again");
  options.who = app.add_subcommand("who", "Who is subscribed, in all topics or some")
                    ->footer("Example: chat-topics who topic1");
  chat::cli::add_words(*options.who, "TOPIC", options.topics);
  options.who->add_flag("--json", options.json, "Print one JSON object a line");
}

// A misspelt command must not be taken for a topic that isn't there.
void check_bare_words(const Options& options, const std::vector<std::string>& there) {
  for (const std::string& word : options.topics) {
    if (options.list->parsed() || chat::is_topic_pattern(word) || std::ranges::count(there, word) > 0)
      continue;
    const std::string wrong = "\"" + word + "\" is neither a command nor a topic";
    std::vector<std::string> known = there;
    for (const CLI::App* command : {options.list, options.add, options.set, options.rm, options.who}) {
      known.push_back(command->get_name());
    }
    const std::string hint = chat::url_hint(word);
    if (!hint.empty()) throw chat::Error(chat::Failure::usage, wrong + hint);
    const auto near = chat::near_names(word, known);
    throw chat::Error(chat::Failure::usage,
                      wrong + (near.empty() ? "; try 'chat-topics --help'" : chat::did_you_mean(near)));
  }
}

template <typename Work>
auto with_retry(const Options& options, chat::ConnectionPool& pool, const chat::StopToken& stop,
                const Work& work) {
  chat::RetryPolicy retry(pool.endpoint(), options.common.retry_for.value_or(std::chrono::seconds(30)),
                          {.warn = chat::cli::log_warn, .note = chat::cli::log_info});
  return chat::with_retry(pool, retry, stop,
                          [&](const chat::StopToken& until) { return work(retry, until); });
}

std::string list(const Options& options, chat::ConnectionPool& pool, const chat::StopToken& stop) {
  const std::vector<std::string> there = chat::list_topics(pool, stop);
  check_bare_words(options, there);
  const std::vector<std::string> names = chat::select_topics(there, options.topics);
  if (!options.names) {
    auto topics = chat::overview(pool, names, stop);
    if (options.sort == "activity") chat::sort_by_activity(topics);
    return options.json ? chat::overview_json(topics)
                        : chat::overview_table(topics, chat::terminal_width(STDOUT_FILENO));
  }
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  return text;
}

void watch(const Options& options, chat::ConnectionPool& pool, chat::Output& out,
           const chat::StopToken& stop) {
  const auto there = with_retry(options, pool, stop, [&](const auto&, const chat::StopToken& until) {
    return chat::list_topics(pool, until);
  });
  check_bare_words(options, there);
  const char* const term = std::getenv("TERM");
  chat::WatchOptions watching;
  watching.topics = options.topics;
  watching.json = options.json;
  watching.color = options.common.use_color(STDOUT_FILENO);
  watching.draw =
      !options.json && isatty(STDOUT_FILENO) == 1 && term != nullptr && term != std::string("dumb");
  watching.by_activity = options.sort != "name";
  watching.retry_for = options.common.retry_for;
  watching.warn = chat::cli::log_warn;
  watching.note = chat::cli::log_info;
  chat::watch(pool, watching, out, stop);
}

std::string who(const Options& options, chat::ConnectionPool& pool, const chat::StopToken& stop) {
  chat::Presences topics;
  for (const auto& topic : chat::select_topics(chat::list_topics(pool, stop), options.topics)) {
    topics.emplace_back(topic, chat::presence(pool, topic, stop));
  }
  if (options.json) return chat::presence_json(topics);
  if (isatty(STDOUT_FILENO) == 1) return chat::presence_table(topics, chat::terminal_width(STDOUT_FILENO));
  for (const auto& [topic, present] : topics) {
    if (present.nameless > 0)
      chat::cli::log_info(topic + ": " + std::to_string(present.nameless) + " more without a name");
  }
  const bool one = options.topics.size() == 1 && !chat::is_topic_pattern(options.topics.front());
  return chat::presence_lines(topics, !one);
}

// Does what is asked for, and returns what is to be printed. again: an earlier try broke off.
std::string perform(const Options& options, chat::ConnectionPool& pool, bool again,
                    const chat::StopToken& stop) {
  if (options.add->parsed()) {
    const bool made = chat::add_topic(pool, options.topic, options.settings, stop);
    if (!made && !again) {
      chat::cli::log_info("topic " + options.topic + " is there already; chat-topics set changes it");
    }
  } else if (options.set->parsed()) {
    chat::set_topic(pool, options.topic, options.settings, stop);
  } else if (options.rm->parsed()) {
    if (again && !chat::look_up(pool, options.topic, stop).exists) return "";
    chat::remove_topic(pool, options.topic, options.purge, stop);
  } else {
    return options.who->parsed() ? who(options, pool, stop) : list(options, pool, stop);
  }
  return "";
}

int work(const Options& options, const chat::StopToken& stop) {
  const bool changes = options.add->parsed() || options.set->parsed() || options.rm->parsed();
  const bool only_list = options.names || options.watch || !options.sort.empty();
  if ((only_list && (changes || options.who->parsed())) || (options.json && changes)) {
    throw chat::Error(
        chat::Failure::usage,
        "only chat-topics list has --names, --sort and --watch, and only list and who have --json");
  }
  if (changes && !options.topics.empty()) {
    throw chat::Error(chat::Failure::usage, "unexpected argument \"" + options.topics.front() +
                                                "\": add, set and rm take one topic at a time");
  }
  if (changes) chat::check_topic(options.topic);
  for (const std::string& topic : options.topics) chat::check_topic_or_pattern(topic);
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
                             .options = [&options](CLI::App& app) { add_options(app, options); },
                             .main = [&options](const chat::StopToken& stop) { return work(options, stop); }};
  return chat::cli::run(argc, argv, options.common, tool);
}
