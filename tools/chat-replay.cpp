#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/output.h"
#include "base/wait.h"
#include "cli/arguments.h"
#include "cli/common_options.h"
#include "cli/notices.h"
#include "cli/reading_options.h"
#include "cli/run.h"
#include "process/replay.h"

namespace {

struct Options {
  chat::cli::Common common;
  chat::cli::OutputOptions output;
  chat::cli::StartOptions start;
  chat::cli::EndOptions end;
  chat::FilterOptions filter;
  bool replica = false;
  std::string topic;
  std::optional<std::string> user;
  bool progress = false;
  std::optional<std::uint64_t> count;
  bool strict = false;
  bool reverse = false;
  bool follow = false;
  double speed = 0;
  std::string cursor;
  std::string exec;
  std::size_t batch = 1;
  unsigned retries = 0;
  std::string dead_letter;
  std::string group;
  std::string consumer;
  std::optional<std::chrono::milliseconds> claim_after;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("TOPIC", options.topic)->type_name("")->required();
  const auto from_start = chat::cli::add_start(app, options.start);
  const auto [until, to] = chat::cli::add_end(app, options.end);
  auto* count = chat::cli::add_number(app, "-n,--count", options.count, "End after N messages");
  auto* reverse = app.add_flag("--reverse", options.reverse, "The newest first");
  auto* follow = app.add_flag("--follow", options.follow, "Go on with live messages");
  auto* speed = app.add_option("--speed", options.speed, "In the original pace, X times as fast (2, 0.5)")
                    ->type_name("X");
  auto* strict = app.add_flag("--strict", options.strict, "When messages were lost, end with status 76");
  auto* read_from = chat::cli::add_read_from(app, options.replica);
  auto* cursor =
      app.add_option("--cursor", options.cursor, "Begin where FILE says; keep there how far it went");
  auto* exec = app.add_option("--exec", options.exec, "Run sh -c CMD for each, given as JSON on stdin");
  auto* batch = app.add_option("--batch", options.batch, "Give CMD up to N messages at once [1]");
  auto* retries =
      app.add_option("--retries", options.retries, "Run CMD again up to N times when it fails [0]");
  auto* dead_letter =
      app.add_option("--dead-letter", options.dead_letter, "Put what failed aside in TOPIC, and go on");
  auto* group = app.add_option("--group", options.group, "Share the work with all others of group G");
  auto* consumer =
      app.add_option("--consumer", options.consumer, "My name in the group [a new one for each run]");
  auto* claim_after = chat::cli::add_duration(app, "--claim-after", options.claim_after,
                                              "Take over what another left for so long [60s]");
  speed->check(chat::cli::decimal(0.001, 1e6));
  batch->type_name("N")->check(chat::cli::whole_number(1, 10'000))->needs(exec);
  retries->type_name("N")->check(chat::cli::whole_number(0, 1'000'000))->needs(exec);
  dead_letter->type_name("TOPIC")->needs(exec);
  exec->type_name("CMD");
  cursor->type_name("FILE")->excludes(reverse);
  consumer->type_name("C")->needs(group);
  claim_after->needs(group);
  group->type_name("G")->excludes(cursor)->excludes(until)->excludes(to)->excludes(reverse)->excludes(speed);
  for (CLI::Option* option : from_start) group->excludes(option);
  group->excludes(read_from);
  follow->excludes(until)->excludes(to)->excludes(reverse);
  for (CLI::Option* option : {count, reverse, follow, speed, strict}) option->group("Messages");
  for (CLI::Option* option : {cursor, exec, batch, retries, dead_letter, group, consumer, claim_after}) {
    option->group("Processing");
  }
  app.add_option("-u,--user", options.user, "I'm NAME: mark where I'm mentioned [$CHAT_USER]")
      ->type_name("NAME")
      ->group("Output")
      ->check(chat::cli::checked_by(chat::cli::check_user));
  for (CLI::Option* option : {cursor, exec, dead_letter, group, consumer}) {
    option->check(chat::cli::not_empty());
  }
  chat::cli::add_filter(app, options.filter);
  chat::cli::add_progress(app, options.progress, "Tell on standard error how far it came");
  chat::cli::add_output(app, options.output);
}

chat::ReplayOptions replaying(const Options& options) {
  chat::ReplayOptions replaying;
  chat::SubscriberOptions& reading = replaying.reading;
  reading.topics = {options.topic};
  reading.live = options.follow;
  reading.to = options.end.to;
  if (options.end.until) reading.until = chat::cli::time_of(*options.end.until);
  reading.reverse = options.reverse;
  reading.replica = options.replica;
  reading.retry_for = options.common.retry_for;
  chat::StartAt oldest;
  oldest.kind = chat::StartAt::Kind::after;
  reading.start = options.start.start(oldest);
  replaying.filter = options.filter;
  replaying.printing.style = options.output.style(options.common, false);
  replaying.printing.style.me = options.user.value_or(chat::cli::user_from_environment().value_or(""));
  replaying.printing.count = options.count;
  replaying.speed = options.speed;
  replaying.cursor = options.cursor;
  chat::WorkerOptions& working = replaying.working;
  working.command = options.exec;
  working.batch = options.batch;
  working.retries = options.retries;
  working.style = options.output.style(options.common, false, chat::Form::json);
  working.style.for_terminal = false;
  working.style.color = false;
  replaying.dead_letter = options.dead_letter;
  replaying.group = options.group;
  replaying.consumer = options.consumer;
  if (options.claim_after) replaying.claim_after = *options.claim_after;
  return replaying;
}

int replay(const Options& options, const chat::StopToken& stop) {
  chat::check_topic(options.topic);
  if (!options.dead_letter.empty()) chat::check_topic(options.dead_letter);
  if (options.dead_letter == options.topic) {
    throw chat::Error(chat::Failure::usage,
                      "--dead-letter " + options.topic + ": that is the topic being read");
  }
  chat::cli::check_bounds(options.start, options.end);
  chat::ConnectionPool pool(options.common.endpoint(),
                            {.first_retry_for = options.common.retry_for, .replicas = options.replica});
  using When = chat::ProgressLine::When;
  const bool by_itself = !options.common.quiet && isatty(STDOUT_FILENO) != 1;
  chat::ProgressLine line(options.progress ? When::asked
                          : by_itself      ? When::by_itself
                                           : When::never,
                          chat::cli::progress_display());
  chat::cli::LoggedNotices notices;
  notices.strict = options.strict;
  chat::ReplayOptions replay = replaying(options);
  if (line.wanted()) {
    replay.progress = &line;
    if (options.count && !options.filter.any()) line.ends_after(*options.count);
    notices.on_end = [&line](const chat::EntryId& id) { line.ends_at(id); };
    notices.on_live = [&line] { line.end(); };
  }
  chat::replay(pool, replay, notices, stop);
  line.end();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const chat::cli::Tool tool{
      .name = "chat-replay",
      .description = "Read a chat topic's history again, from the oldest message to the newest.",
      .footer =
          "Examples:\n"
          "  chat-replay topic1 --since 1h\n"
          "  chat-replay topic1 --json | jq -r .user | sort | uniq -c\n"
          "  chat-replay topic1 --cursor ~/.topic1 --raw >> archive\n"
          "  chat-replay topic1 --follow --cursor ~/.jobs --exec ./process",
      .main_options = {"--last", "--since", "--until", "--count", "--follow", "--json", "--cursor", "--exec",
                       "--group", "--redis"},
      .options = [&options](CLI::App& app) { add_options(app, options); },
      .main = [&options](const chat::StopToken& stop) { return replay(options, stop); }};
  return chat::cli::run(argc, argv, options.common, tool);
}
