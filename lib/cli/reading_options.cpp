#include "cli/reading_options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/output.h"
#include "base/times.h"
#include "terminal/links.h"
#include "terminal/terminal.h"

namespace chat::cli {

namespace {

std::chrono::milliseconds now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch());
}

}  // namespace

Style OutputOptions::style(const Common& common, bool with_topic, Form default_form) const {
  const std::pair<bool, const char*> forms[] = {
      {json, "--json"}, {raw, "--raw"}, {format.has_value(), "--format"}};
  const char* chosen = nullptr;
  for (const auto& [given, name] : forms) {
    if (!given) continue;
    if (chosen != nullptr)
      throw Error(Failure::usage, std::string(chosen) + " and " + name + " exclude each other");
    chosen = name;
  }
  Style style;
  style.form = json ? Form::json : raw ? Form::raw : format ? Form::custom : default_form;
  style.format = format.value_or("");
  style.null_separated = null_separated;
  style.with_topic = with_topic;
  style.for_terminal = isatty(STDOUT_FILENO) == 1;
  style.color = common.use_color(STDOUT_FILENO);
  style.many_colors = has_256_colors();
  style.links = knows_links();
  style.isolates = is_utf8();
  return style;
}

void add_output(CLI::App& app, OutputOptions& options) {
  const auto check_format = [](const std::string& format) {
    Style style;
    style.form = Form::custom;
    style.format = format;
    Formatter{style};
  };
  CLI::Option* const json = app.add_flag("--json", options.json, "Print JSON, an object a line");
  CLI::Option* const raw = app.add_flag("--raw", options.raw, "Print the bytes of each message alone");
  CLI::Option* const format =
      app.add_option("--format", options.format, "%t topic, %i ID, %u user, %m message, %T time, \\n")
          ->type_name("TEMPLATE")
          ->check(checked_by(check_format));
  CLI::Option* const null =
      app.add_flag("-0,--null", options.null_separated, "End each with NUL instead of newline");
  for (CLI::Option* const option : {json, raw, format, null}) option->group("Output");
}

StartAt StartOptions::start(const StartAt& without) const {
  StartAt start = without;
  if (last) {
    start.kind = StartAt::Kind::last;
    start.count = *last;
  } else if (since) {
    start.kind = StartAt::Kind::since;
    start.since = time_of(*since);
  } else if (from) {
    start.kind = StartAt::Kind::after;
    start.after = before(*from);
  }
  return start;
}

CLI::Option* add_read_from(CLI::App& app, bool& replica) {
  return app
      .add_option_function<std::string>(
          "--read-from", [&replica](const std::string& node) { replica = node == "replica"; },
          "In a cluster: which node to read [master]")
      ->type_name("master|replica")
      ->check(one_of({"master", "replica"}))
      ->group("Messages");
}

std::array<CLI::Option*, 3> add_start(CLI::App& app, StartOptions& options) {
  CLI::Option* const last = add_number(app, "--last", options.last, "Begin with the last N messages", 0);
  CLI::Option* const since =
      add_time(app, "--since", options.since, "From TIME on (10m, 14:03, 2026-11-25T14:03)");
  CLI::Option* const from = add_id(app, "--from", options.from, "From the message ID on");
  last->excludes(since)->excludes(from);
  since->excludes(from);
  for (CLI::Option* const option : {last, since, from}) option->group("Messages");
  return {last, since, from};
}

std::array<CLI::Option*, 2> add_end(CLI::App& app, EndOptions& options) {
  CLI::Option* const until = add_time(app, "--until", options.until, "End with what was stored at TIME");
  // An ID without n means all messages of that millisecond, as it does for XRANGE.
  CLI::Option* const to = add_id(app, "--to", options.to, "End with the message ID", UINT64_MAX);
  for (CLI::Option* const option : {until, to}) option->group("Messages");
  return {until, to};
}

void check_bounds(const StartOptions& start, const EndOptions& end) {
  using Bound = std::pair<std::string, EntryId>;
  const auto time = [now = now()](const char* name, const std::string& value, std::uint64_t n) -> Bound {
    const auto at = parse_time(value, now).at(now);
    const std::string text = std::string(name) + " " + value + " (" + local_time(at, "%F %T") + ")";
    return {text, {static_cast<std::uint64_t>(at.count()), n}};
  };
  std::optional<Bound> low;
  if (start.since) low = time("--since", *start.since, 0);
  if (start.from) low = {"--from " + start.from->str(), *start.from};
  std::vector<Bound> high;
  if (end.until) high.push_back(time("--until", *end.until, UINT64_MAX));
  if (end.to) high.emplace_back("--to " + end.to->str(), *end.to);
  for (const auto& [text, id] : high) {
    if (low && low->second > id) {
      throw Error(Failure::usage, low->first + " is after " + text + ": nothing lies between");
    }
  }
}

void add_filter(CLI::App& app, FilterOptions& options) {
  const auto check_pattern = [](const std::string& pattern) { Regex{pattern}; };
  app.add_option("--grep", options.pattern, "Only what matches, as in Perl ((?i): any case)")
      ->type_name("REGEX")
      ->group("Messages")
      ->check(checked_by(check_pattern));
  app.add_option("--from-user", options.users, "Only messages of NAME; may be repeated")
      ->type_name("NAME")
      ->group("Messages")
      ->check(checked_by(check_user))
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace chat::cli
