#include <sys/mman.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/output.h"
#include "base/wait.h"
#include "chat/entry_id.h"
#include "chat/input_pump.h"
#include "chat/publisher.h"
#include "chat/topic.h"
#include "cli/arguments.h"
#include "cli/common_options.h"
#include "cli/exit_code.h"
#include "cli/hints.h"
#include "cli/logging.h"
#include "cli/notices.h"
#include "cli/run.h"

namespace {

struct Options {
  chat::cli::Common common;
  std::string topic;
  std::vector<std::string> words;
  std::optional<std::string> user;
  bool null = false;
  bool whole = false;
  bool json = false;
  bool create = false;
  bool ephemeral = false;
  bool skip_empty = false;
  bool tee = false;
  bool print_ids = false;
  bool progress = false;
  std::string import_id;
  unsigned wait_replicas = 0;
  double rate = 0;
  std::uint64_t max_size = std::uint64_t{1} << 20;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("TOPIC", options.topic)->type_name("");
  chat::cli::add_words(app, "MESSAGE", options.words);
  auto* null = app.add_flag("-0,--null", options.null, "Messages are separated by NUL, not by newline");
  auto* whole = app.add_flag("--whole", options.whole, "All of the input is one message");
  auto* json = app.add_flag(
      "--json", options.json,
      "JSON objects: \"message\" or \"data\" (base64), maybe\n\"user\", \"timestamp\", \"topic\"");
  auto* skip_empty = app.add_flag("--skip-empty", options.skip_empty, "Leave out empty messages");
  auto* max_size =
      app.add_option("--max-size", options.max_size, "Refuse longer messages (64K, up to 256M) [1M]")
          ->type_name("SIZE")
          ->transform(CLI::Validator(chat::cli::read_size, ""));
  auto* rate = app.add_option("--rate", options.rate, "At most N messages a second")
                   ->type_name("N")
                   ->check(chat::cli::decimal(0.001, 1e9));
  null->excludes(whole);
  json->excludes(whole);
  for (CLI::Option* option : {null, whole, json, skip_empty, max_size, rate}) option->group("Input");

  auto* user = app.add_option("-u,--user", options.user, "Publish as NAME [$CHAT_USER, else the login name]")
                   ->type_name("NAME");
  auto* create = app.add_flag("--create", options.create, "Make the topic if it isn't there");
  auto* import_id =
      app.add_option("--import-id", options.import_id, "Publish only what earlier runs under NAME did not")
          ->type_name("NAME")
          ->check(chat::cli::not_empty());
  auto* wait =
      app.add_option("--wait", options.wait_replicas, "Succeed only when N replicas have it, too [0]")
          ->type_name("N")
          ->check(chat::cli::whole_number(0, std::numeric_limits<unsigned>::max()));
  auto* ephemeral =
      app.add_flag("--ephemeral", options.ephemeral, "Don't store, only send: some may be lost");
  for (CLI::Option* option : {user, create, import_id, wait, ephemeral}) option->group("Publishing");

  auto* print_ids = app.add_flag("--print-ids", options.print_ids, "Write the ID of each stored message");
  auto* tee = app.add_flag("--tee", options.tee, "Write the input to standard output too");
  for (CLI::Option* option : {print_ids, tee}) option->group("Output");
  tee->excludes(print_ids);
  chat::cli::add_progress(app, options.progress, "Show on standard error how far it came");
  ephemeral->excludes(print_ids)->excludes(import_id)->excludes(wait);
}

// The words of the command line, to be read as standard input would be.
int words_fd(const std::vector<std::string>& words) {
  std::string message;
  for (const std::string& word : words) message += (message.empty() ? "" : " ") + word;
  const int fd = memfd_create("message", MFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
  chat::Output out(fd);
  out.buffer() = message;
  out.flush();
  lseek(fd, 0, SEEK_SET);
  return fd;
}

// Whether the last word, not the first, is a topic.
bool swapped(const Options& options, chat::ConnectionPool& pool, const chat::StopToken& stop) {
  return !options.words.empty() && chat::valid_topic(options.words.back()) &&
         chat::look_up(pool, options.words.back(), stop).exists;
}

chat::InputPumpOptions input_options(const Options& options) {
  chat::InputPumpOptions feed;
  if (!options.topic.empty()) feed.topic = options.topic;
  feed.user = chat::cli::publishing_user(options.user);
  feed.json = options.json;
  feed.skip_empty = options.skip_empty;
  feed.rate = options.rate;
  feed.stop_at_bad = !options.import_id.empty();
  feed.tee = options.tee;
  feed.separator = options.null ? '\0' : '\n';
  feed.max_size = options.max_size;
  feed.bad = [](std::uint64_t record, const std::string& why) {
    chat::cli::log_error("record " + std::to_string(record) + ": " + why);
  };
  return feed;
}

chat::PublisherOptions publisher_options(const Options& options, chat::Output& out) {
  chat::PublisherOptions publisher;
  publisher.ephemeral = options.ephemeral;
  publisher.create = options.create;
  publisher.import_id = options.import_id;
  publisher.wait_replicas = options.wait_replicas;
  publisher.retry_for = options.common.retry_for.value_or(publisher.retry_for);
  publisher.warn = chat::cli::log_warn;
  publisher.note = chat::cli::log_info;
  if (options.print_ids) {
    publisher.stored = [&out](std::uint64_t, chat::EntryId id) { out.buffer() += id.str() + "\n"; };
  }
  return publisher;
}

int publish(const Options& options, const chat::StopToken& stop) {
  using chat::RecordReader;
  if (options.topic.empty() && !options.json) {
    throw chat::Error(chat::Failure::usage, "no topic; try 'chat-pub topic1', or 'chat-pub --help'");
  }
  if (!options.import_id.empty() && !chat::valid_publisher(options.import_id)) {
    throw chat::Error(chat::Failure::usage,
                      "--import-id '" + options.import_id + "' can't be used: 1 to 64 of A-Z a-z 0-9 . _ -");
  }
  if (!options.topic.empty()) chat::check_topic(options.topic);
  chat::Output out(STDOUT_FILENO, stop);
  chat::InputPumpOptions feed = input_options(options);
  feed.output = &out;
  const bool words = !options.words.empty();
  const auto split = words || options.whole ? RecordReader::Split::whole
                     : options.null         ? RecordReader::Split::null
                                            : RecordReader::Split::newline;
  RecordReader records(words ? words_fd(options.words) : STDIN_FILENO, split, chat::longest_record(feed));
  chat::ConnectionPool pool(options.common.endpoint(), {.first_retry_for = options.common.retry_for});
  chat::Publisher publisher(pool, publisher_options(options, out), stop);
  using When = chat::ProgressLine::When;
  chat::ProgressLine line(options.progress ? When::asked : When::never, chat::cli::progress_display());
  if (line.wanted()) {
    feed.reached = [&](std::uint64_t count) {
      line.set({.messages = count, .part = records.part_read()});
      line.show();
    };
  }
  if (!words && chat::cli::person_waits(STDIN_FILENO)) {
    chat::cli::log_info(options.whole ? "type the message; Ctrl-D ends it"
                                      : "type a message a line; Ctrl-D ends");
    feed.cut = chat::cli::warn_of_cut_line;
  }
  std::uint64_t bad = 0;
  try {
    bad = chat::pump_input(records, publisher, feed, stop);
    publisher.close();
  } catch (const chat::Error& error) {
    if (error.failure() != chat::Failure::no_topic || !swapped(options, pool, stop)) throw;
    throw chat::Error(error.failure(), std::string(error.what()) + " (TOPIC comes first: chat-pub " +
                                           options.words.back() + " MESSAGE)");
  }
  line.end();
  return bad == 0 ? 0 : chat::cli::exit_code(chat::Failure::input);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const chat::cli::Tool tool{
      .name = "chat-pub",
      .description = "Publish to a chat topic in Redis: MESSAGE, else each line of standard input.",
      .footer =
          "Examples:\n"
          "  chat-pub topic1 hello everybody\n"
          "  tail -F app.log | chat-pub -u app topic2\n"
          "  chat-replay topic1 --json | chat-pub --json topic2",
      .main_options = {"--user", "--create", "--whole", "--null", "--json", "--rate", "--print-ids",
                       "--redis"},
      .options = [&options](CLI::App& app) { add_options(app, options); },
      .main = [&options](const chat::StopToken& stop) { return publish(options, stop); }};
  return chat::cli::run(argc, argv, options.common, tool);
}
