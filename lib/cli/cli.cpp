#include "cli/cli.h"

#include <fcntl.h>
#include <signal.h>
#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/escape.h"
#include "base/output.h"
#include "chat/message.h"
#include "cli/help.h"
#include "redis/connection.h"

#ifndef CHAT_VERSION
#define CHAT_VERSION "dev"
#endif

namespace chat::cli {
namespace {

constexpr int internal_error = 70;
const char* const common_group = "Common";

// A signal handler reaches nothing but statics.
volatile std::sig_atomic_t stop_signal = 0;
int stop_pipe[2] = {-1, -1};

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);  // without SA_RESTART, so that a blocked call ends
}

void die_by(int signal) {
  set_handler(signal, SIG_DFL);
  raise(signal);
}

extern "C" void on_stop(int signal) {
  if (stop_signal != 0) {
    die_by(signal);
    return;
  }
  const int saved = errno;
  stop_signal = signal;
  const ssize_t written = write(stop_pipe[1], "", 1);
  static_cast<void>(written);
  alarm(1);
  errno = saved;
}

// The signal may come after the flag was tested but before a read or write blocks: the alarm interrupts
// that call soon.
extern "C" void on_alarm(int) { alarm(1); }

StopToken catch_signals() {
  if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  set_handler(SIGPIPE, SIG_IGN);
  set_handler(SIGALRM, on_alarm);
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction inherited = {};
    sigaction(signal, nullptr, &inherited);
    if (inherited.sa_handler != SIG_IGN) set_handler(signal, on_stop);  // the shell's `&` ignores SIGINT
  }
  return {stop_pipe[0], &stop_signal};
}

// A descriptor opened later must not become a standard one that was closed. The wrong direction makes
// its use fail.
void open_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) == -1) {
      static_cast<void>(open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY));
    }
  }
}

// What stands at the bottom of stderr, and must not be mixed up with what is logged.
std::string bottom_line;
constexpr std::string_view erase_line = "\r\x1b[K";

void write_to_stderr(std::string text) {
  try {
    Output out(STDERR_FILENO);
    out.buffer() = std::move(text);
    out.flush();
  } catch (const Error&) {         // there is nowhere left
  } catch (const ClosedOutput&) {  // to tell it
  }
}

// Writes each message at once as one line: `chat-pub: warning: MESSAGE`. What it quotes may come from
// anywhere.
class StderrSink final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& message) override {
    std::string line(bottom_line.empty() ? "" : erase_line);
    line += std::string_view(message.logger_name.data(), message.logger_name.size());
    line += ": ";
    if (message.level == spdlog::level::warn) line += "warning: ";
    if (message.level <= spdlog::level::debug) line += "debug: ";
    append_escaped(line, {message.payload.data(), message.payload.size()}, true);
    line += '\n';
    write_to_stderr(line + bottom_line);
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}
};

void start_logging(const std::string& name) {
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(name, std::make_shared<StderrSink>()));
}

// Overwrites what may be a password in `url`: as much as possible, since it may hold a `:` or `@` itself.
void hide_password(std::span<char> url) {
  const std::string_view text(url.data(), url.size());
  const std::size_t scheme = text.find("://");
  const std::size_t colon = text.find(':', scheme == text.npos ? 0 : scheme + 3);
  const std::size_t at = text.rfind('@');
  if (colon == text.npos || at == text.npos || at < colon) return;
  std::ranges::fill(url.subspan(colon + 1, at - colon - 1), '*');
}

// A parse error quotes arguments that it doesn't know, such as a URL after a misspelt --redis.
std::string without_passwords(std::string text) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n", begin), text.size());
    const std::span<char> word(text.data() + begin, end - begin);
    if (std::string_view(word.data(), word.size()).find("://") != std::string_view::npos) hide_password(word);
    begin = end + 1;
  }
  return text;
}

// CLI11 takes the next argument as the value of `--name=`.
std::vector<std::string> split_empty_values(const std::vector<std::string>& args) {
  std::vector<std::string> out;
  bool options = true;
  for (const std::string& arg : args) {
    options = options && arg != "--";
    const bool empty = options && arg.starts_with("--") && arg.find('=') == arg.size() - 1;
    out.push_back(empty ? arg.substr(0, arg.size() - 1) : arg);
    if (empty) out.emplace_back();
  }
  return out;
}

template <class Number>
bool reads(const std::string& text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

void prepare(CLI::App& app, Common& common, const Tool& tool) {
  app.set_help_flag();
  app.fallthrough();
  app.require_subcommand(0, 1);
  app.option_defaults()->take_last();
  app.footer(tool.footer);
  tool.options(app);
  add_common(app, common);
  app.set_help_flag("-h,--help", "")->group(common_group);
  app.set_version_flag("--version", tool.name + " " CHAT_VERSION, "Show this help, or the version")
      ->group(common_group);
}

void print(const std::string& text) {
  Output out(STDOUT_FILENO);
  out.buffer() = text;
  out.flush();
}

/// Whether to go on; else the exit code is in `code`.
bool parse(CLI::App& app, const std::vector<std::string>& args, int& code) {
  try {
    std::vector<std::string> words = split_empty_values(args);
    std::reverse(words.begin(), words.end());
    app.parse(std::move(words));
    return true;
  } catch (const CLI::CallForHelp&) {
    print(help_page(app));
  } catch (const CLI::CallForVersion& version) {
    print(version.what() + std::string("\n"));
  } catch (const CLI::ParseError& error) {
    spdlog::error("{}", without_passwords(explain(app, error)));
    code = exit_code(Failure::usage);
    return false;
  }
  code = 0;
  return false;
}

int parse_and_work(const std::vector<std::string>& args, Common& common, const Tool& tool) {
  const StopToken stop = catch_signals();
  CLI::App app(tool.description, tool.name);
  prepare(app, common, tool);
  int code = 0;
  if (!parse(app, args, code)) return code;
  if (common.verbose) spdlog::set_level(spdlog::level::debug);
  if (common.quiet) spdlog::set_level(spdlog::level::err);
  return tool.main(stop);
}

int guarded(const std::function<int()>& work) {
  try {
    return work();
  } catch (const Error& error) {
    spdlog::error("{}", error.what());
    return exit_code(error.failure());
  } catch (const Outage& outage) {
    spdlog::error("lost Redis: {}; try again later", outage.what());
    return exit_code(Failure::again);
  } catch (const ClosedOutput&) {
    return 0;
  } catch (const std::bad_alloc&) {
    spdlog::error("out of memory");
  } catch (const std::exception& error) {
    spdlog::error("internal error: {}", error.what());
  } catch (...) {
    if (stop_signal == 0) spdlog::error("internal error");  // else it is a Stopped
  }
  return internal_error;
}

}  // namespace

Endpoint Common::endpoint() const {
  return find_endpoint(redis, password_file, tls_files, [](const char* name) { return std::getenv(name); });
}

bool Common::use_color(int fd) const {
  if (color != "auto") return color == "always";
  const char* const no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* const term = std::getenv("TERM");
  return (term == nullptr || std::strcmp(term, "dumb") != 0) && isatty(fd) == 1;
}

void add_common(CLI::App& app, Common& common) {
  const auto add_file = [&](const char* name, auto& file, const char* help) {
    app.add_option(name, file, help)->type_name("FILE")->group(common_group)->check(not_empty());
  };
  app.add_option("--color", common.color, "[auto: on a terminal, unless $NO_COLOR is set]")
      ->type_name("auto|always|never")
      ->check(one_of({"auto", "always", "never"}))
      ->group("Output");
  app.add_option("--redis", common.redis, "Server [$REDIS_URL, else redis://127.0.0.1:6379]")
      ->type_name("URL")
      ->group(common_group);
  add_file("--password-file", common.password_file, "Password, its first line [$REDISCLI_AUTH]");
  add_file("--cacert", common.tls_files.cacert, "TLS: trust these authorities [the system's]");
  add_file("--cert", common.tls_files.cert, "");
  add_file("--key", common.tls_files.key, "TLS: my certificate, and its key");
  add_duration(app, "--retry-for", common.retry_for, "Ride out outages so long [30s; readers: no end]")
      ->group(common_group);
  app.add_flag("-v,--verbose", common.verbose, "")->group(common_group);
  app.add_flag("-q,--quiet", common.quiet, "Tell more, or errors only, on standard error")
      ->group(common_group);
}

std::function<std::string(const std::string&)> whole_number(std::uint64_t least, std::uint64_t most) {
  return [least, most](const std::string& text) -> std::string {
    std::uint64_t number = 0;
    if (reads(text, number) && number >= least && number <= most) return "";
    const bool limited = most != std::numeric_limits<std::uint64_t>::max();
    return "must be a whole number from " + std::to_string(least) +
           (limited ? " to " + std::to_string(most) : "") + ", not \"" + text + "\"";
  };
}

std::function<std::string(const std::string&)> decimal(double least, double most) {
  return [least, most](const std::string& text) -> std::string {
    double number = 0;
    if (reads(text, number) && number >= least && number <= most) return "";
    return fmt::format("must be a number from {:.10g} to {:.10g}, not \"{}\"", least, most, text);
  };
}

std::function<std::string(const std::string&)> one_of(std::vector<std::string> names) {
  return [names = std::move(names)](const std::string& text) -> std::string {
    if (std::ranges::find(names, text) != names.end()) return "";
    std::string known;
    for (const std::string& name : names) {
      known += (known.empty() ? "" : name == names.back() ? " or " : ", ") + name;
    }
    return "must be " + known + ", not \"" + text + "\"";
  };
}

std::function<std::string(const std::string&)> not_empty() {
  return [](const std::string& text) -> std::string {
    return text.empty() ? "must not be empty; is a variable not set?" : "";
  };
}

CLI::Option* add_id(CLI::App& app, const std::string& names, std::optional<EntryId>& value,
                    const std::string& help, std::uint64_t n) {
  const auto read = [n](const std::string& text) {
    const auto id = EntryId::parse(text, n);
    if (!id) {
      throw Error(Failure::usage, "\"" + text + "\" is no ID, such as 1732400000000-5 or 1732400000000");
    }
    return *id;
  };
  const auto store = [&value, read](const std::string& text) { value = read(text); };
  return app.add_option_function<std::string>(names, store, help)
      ->type_name("ID")
      ->group("Messages")
      ->check(checked_by(read));
}

CLI::Option* add_time(CLI::App& app, const std::string& names, std::optional<std::string>& value,
                      const std::string& help) {
  return app.add_option(names, value, help)->type_name("TIME")->group("Messages")->check(checked_by(time_of));
}

TimeSpec time_of(const std::string& value) {
  using namespace std::chrono;
  return parse_time(value, duration_cast<milliseconds>(system_clock::now().time_since_epoch()));
}

std::optional<std::string> user_from_environment() {
  const char* const name = std::getenv("CHAT_USER");
  if (name == nullptr || *name == '\0') return std::nullopt;
  return name;
}

void check_user(const std::string& name) {
  if (valid_user(name)) return;
  throw Error(Failure::usage,
              "\"" + name + "\" can't be a user's name: 1 to 64 bytes of UTF-8 without control characters");
}

CLI::Option* add_duration(CLI::App& app, const std::string& names,
                          std::optional<std::chrono::milliseconds>& value, const std::string& help) {
  const auto store = [&value](const std::string& text) { value = parse_duration(text); };
  return app.add_option_function<std::string>(names, store, help)
      ->type_name("DURATION")
      ->check(checked_by(parse_duration));
}

CLI::Option* add_number(CLI::App& app, const std::string& names, std::optional<std::uint64_t>& value,
                        const std::string& help, std::uint64_t least) {
  return app.add_option(names, value, help)->type_name("N")->check(whole_number(least));
}

CLI::Option* add_words(CLI::App& app, const std::string& name, std::vector<std::string>& words) {
  const auto store = [&app, name, &words](const CLI::results_t&) {
    words = app.get_option(name)->results();
    return true;
  };
  const int unlimited = CLI::detail::expected_max_vector_size;
  return app.add_option(name, store)
      ->type_name("")
      ->expected(unlimited, unlimited)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

int exit_code(Failure failure) {
  switch (failure) {
    case Failure::usage:
      return 64;
    case Failure::input:
      return 65;
    case Failure::no_topic:
      return 66;
    case Failure::unreachable:
      return 69;
    case Failure::file:
      return 73;
    case Failure::output:
      return 74;
    case Failure::again:
      return 75;
    case Failure::lost:
      return 76;
    case Failure::denied:
      return 77;
    case Failure::command:
      return 1;
  }
  return internal_error;
}

void draw_at_bottom(const std::string& line) {
  bottom_line = line;
  write_to_stderr(std::string(erase_line) + line);
}

void hide_passwords(int argc, char** argv) {
  const std::string_view name = "--redis";
  for (int i = 1; i < argc; ++i) {
    const std::span<char> arg(argv[i], std::strlen(argv[i]));
    const std::string_view text(arg.data(), arg.size());
    if (text == name && i + 1 < argc) {
      ++i;
      hide_password({argv[i], std::strlen(argv[i])});
    } else if (text.starts_with("--redis=")) {
      hide_password(arg.subspan(name.size() + 1));
    }
  }
}

int run(int argc, char** argv, Common& common, const Tool& tool) {
  open_standard_descriptors();
  const std::vector<std::string> args(argv + std::min(argc, 1), argv + argc);
  hide_passwords(argc, argv);
  start_logging(tool.name);
  const int code = guarded([&] { return parse_and_work(args, common, tool); });
  if (stop_signal != 0) die_by(stop_signal);
  return code;
}

}  // namespace chat::cli
