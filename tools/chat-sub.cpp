#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"
#include "base/output.h"
#include "base/wait.h"
#include "chat/subscriber.h"
#include "chat/topic.h"
#include "chat/topic_pattern.h"
#include "cli/arguments.h"
#include "cli/common_options.h"
#include "cli/hints.h"
#include "cli/logging.h"
#include "cli/notices.h"
#include "cli/reading_options.h"
#include "cli/run.h"
#include "process/filter.h"
#include "process/printer.h"

namespace {

constexpr int timed_out = 124;

struct Options {
  chat::cli::Common common;
  chat::cli::OutputOptions output;
  chat::cli::StartOptions start;
  chat::FilterOptions filter;
  bool replica = false;
  std::vector<std::string> topics;
  bool all = false;
  std::optional<std::string> user;
  bool echo = false;
  std::optional<std::uint64_t> count;
  std::optional<std::chrono::milliseconds> timeout;
  int ready_fd = -1;
  bool strict = false;
  bool bell = false;
  bool follow = false;
};

void add_options(CLI::App& app, Options& options) {
  chat::cli::add_words(app, "TOPIC", options.topics);
  auto* all = app.add_flag("--all", options.all, "Follow all topics, and those that are added later");
  auto* user = app.add_option("-u,--user", options.user, "I'm NAME: list me, hide what I say [$CHAT_USER]")
                   ->type_name("NAME");
  auto* echo = app.add_flag("--echo", options.echo, "Show what I say, too");
  chat::cli::add_start(app, options.start);
  chat::cli::add_read_from(app, options.replica);
  chat::cli::add_filter(app, options.filter);
  auto* count = chat::cli::add_number(app, "-n,--count", options.count, "End after N messages");
  auto* timeout =
      chat::cli::add_duration(app, "--timeout", options.timeout, "End after so long, with exit status 124");
  auto* ready_fd =
      app.add_option("--ready-fd", options.ready_fd, "Write a newline to descriptor N when subscribed")
          ->type_name("N")
          ->check(chat::cli::whole_number(0, 1 << 20));
  auto* strict = app.add_flag("--strict", options.strict, "When messages were lost, end with status 76");
  for (CLI::Option* option : {all, user, echo, count, timeout, ready_fd, strict}) option->group("Messages");
  app.add_flag("-f,--follow", options.follow, "")->group("");  // it always does; tail and chat-replay have it
  app.add_flag("--bell", options.bell, "Ring the terminal's bell when somebody mentions me")->group("Output");
  chat::cli::add_output(app, options.output);
}

// A person who sees nothing should know why.
void tell_if_nothing_matches(chat::ConnectionPool& pool, const std::vector<std::string>& topics,
                             const chat::StopToken& stop) {
  if (!chat::cli::person_waits(STDOUT_FILENO)) return;
  try {
    const auto there = chat::list_topics(pool, stop);
    const auto matches = [&](const std::string& name) { return chat::matches_any(topics, name); };
    if (std::ranges::any_of(there, matches)) return;
    chat::cli::log_info("no topic matches yet; waiting for one that is added (Ctrl-C ends)");
  } catch (const chat::Outage&) {  // the reader itself says so
  }
}

int follow(const Options& options, chat::StopToken stop) {
  if (options.topics.empty() != options.all) {
    throw chat::Error(chat::Failure::usage, "name topics, or --all of them; try 'chat-sub --help'");
  }
  chat::SubscriberOptions following;
  if (options.all) following.patterns = {"*"};
  following.wait_for_topics = std::ranges::any_of(options.topics, chat::is_topic_pattern);
  for (const std::string& topic : options.topics) {
    chat::check_topic_or_pattern(topic);
    (chat::is_topic_pattern(topic) ? following.patterns : following.topics).push_back(topic);
  }
  const std::string user = options.user ? *options.user : chat::cli::user_from_environment().value_or("");
  if (options.user || !user.empty()) chat::cli::check_user(user);

  if (options.bell && user.empty()) {
    throw chat::Error(chat::Failure::usage,
                      "--bell needs to know who you are: give --user NAME or set $CHAT_USER");
  }

  const chat::StopToken signals = stop;
  if (options.timeout) stop.until = chat::Clock::now() + *options.timeout;
  chat::Output out(STDOUT_FILENO, stop);
  chat::PrinterOptions printing;
  printing.style =
      options.output.style(options.common, !following.patterns.empty() || following.topics.size() > 1);
  printing.style.me = user;
  printing.bell = options.bell && printing.style.for_terminal;
  if (options.filter.users.empty() && !options.echo) printing.hidden_user = user;
  printing.count = options.count;
  printing.ready_fd = options.ready_fd;
  chat::CheckpointQueue no_checkpoint(nullptr);
  chat::Printer printer(printing, out, no_checkpoint);
  chat::cli::LoggedNotices notices;
  notices.strict = options.strict;
  notices.on_live = [&printer] { printer.live(); };
  chat::Filter filter(options.filter, printer, notices, no_checkpoint);

  following.user = user;
  following.start = options.start.start({});
  following.replica = options.replica;
  following.retry_for = options.common.retry_for;
  following.watch_fd = STDOUT_FILENO;
  chat::ConnectionPool pool(options.common.endpoint(),
                            {.first_retry_for = options.common.retry_for, .replicas = options.replica});
  if (following.wait_for_topics) tell_if_nothing_matches(pool, options.topics, stop);
  const auto end = chat::Subscriber(pool, following, filter, notices).run(stop);
  out.flush();
  const bool unfinished = end == chat::Subscriber::End::stopped || !out.buffer().empty();
  return unfinished && !signals.requested() ? timed_out : 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const chat::cli::Tool tool{
      .name = "chat-sub",
      .description =
          "Follow chat topics in Redis: print each message as it comes. TOPIC may be a\npattern such as "
          "'team/*', which takes in topics that are added later.",
      .footer =
          "Examples:\n"
          "  chat-sub topic1\n"
          "  chat-sub --last 10 -u ana topic1 topic2\n"
          "  chat-sub --all --json | jq --unbuffered .message",
      .main_options = {"--all", "--user", "--last", "--since", "--grep", "--count", "--timeout", "--json",
                       "--redis"},
      .options = [&options](CLI::App& app) { add_options(app, options); },
      .main =
          [&options](const chat::StopToken& stop) {
            return chat::cli::with_file_hint(options.topics, [&] { return follow(options, stop); });
          }};
  return chat::cli::run(argc, argv, options.common, tool);
}
