#include "cli/run.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/output.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/hints.h"
#include "cli/logging.h"
#include "cli/secrets.h"
#include "cli/signals.h"
#include "redis/connection.h"

#ifndef CHAT_VERSION
#define CHAT_VERSION "dev"
#endif

namespace chat::cli {

namespace {

// A descriptor opened later must not become a standard one that was closed. The wrong direction makes
// its use fail.
void open_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) == -1) {
      static_cast<void>(open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY));
    }
  }
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

// CLI11 would take `--json=no`.
void refuse_values(CLI::App& app) {
  for (CLI::Option* option :
       app.get_options([](CLI::Option* each) { return each->get_items_expected_max() == 0; })) {
    option->disable_flag_override();
  }
}

void prepare(CLI::App& app, Common& common, const Tool& tool) {
  app.set_help_flag();
  app.fallthrough();
  app.require_subcommand(0, 1);
  app.option_defaults()->take_last();
  app.footer(tool.footer);
  tool.options(app);
  add_common(app, common);
  app.set_help_flag("-h", "Show a short help")->group(common_group);
  app.set_help_all_flag("--help", "Show all options")->group(common_group);
  app.set_version_flag("--version", tool.name + " " CHAT_VERSION, "Show the version")->group(common_group);
  refuse_values(app);
  for (CLI::App* command : app.get_subcommands({})) refuse_values(*command);
}

// `chat-topics help` is what some try; `chat-topics list help` is about a topic.
std::vector<std::string> words_of(const CLI::App& app, const std::vector<std::string>& args) {
  std::vector<std::string> words = split_empty_values(args);
  if (!words.empty() && words.front() == "help" && !app.get_subcommands({}).empty()) words.front() = "--help";
  return words;
}

void print(const std::string& text) {
  Output out(STDOUT_FILENO);
  out.buffer() = text;
  out.flush();
}

/// Whether to go on; else the exit code is in `code`.
bool parse(CLI::App& app, const std::vector<std::string>& args, const Tool& tool, int& code) {
  const std::vector<std::string> words = words_of(app, args);
  code = exit_code(Failure::usage);
  const std::string wrong = unquoted_time(app, words);
  if (!wrong.empty()) {
    log_error(wrong);
    return false;
  }
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
    return true;
  } catch (const CLI::CallForAllHelp&) {
    print(help_page(app));
  } catch (const CLI::CallForHelp&) {
    const std::string other = meant_by_help(app, words);
    if (!other.empty()) {
      log_error(other);
      return false;
    }
    print(short_help(app, tool.main_options));
  } catch (const CLI::CallForVersion& version) {
    print(version.what() + std::string("\n"));
  } catch (const CLI::ParseError& error) {
    log_error(explain(app, error));
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
  if (!parse(app, args, tool, code)) return code;
  if (common.verbose) set_log_level(LogLevel::debug);
  if (common.quiet) set_log_level(LogLevel::error);
  return tool.main(stop);
}

// What to do when nobody answers where nothing else was named.
std::string address_hint(const Error& error, const Common& common) {
  if (error.failure() != Failure::unreachable || common.redis) return "";
  for (const char* const name : {"REDIS_URL", "REDIS_HOST", "REDIS_PORT"}) {
    const char* const value = std::getenv(name);
    if (value != nullptr && *value != '\0') return "";
  }
  if (std::string_view(error.what()).find("Connection refused") == std::string_view::npos) return "";
  return "; is one running? --redis or $REDIS_URL name another";
}

// What the machine, or a limit, has too little of: no fault of these tools.
bool is_shortage(const std::error_code& code) {
  constexpr std::errc all[] = {std::errc::too_many_files_open, std::errc::too_many_files_open_in_system,
                               std::errc::not_enough_memory,   std::errc::resource_unavailable_try_again,
                               std::errc::no_space_on_device,  std::errc::no_buffer_space};
  return std::ranges::any_of(all, [&](std::errc one) { return code == one; });
}

int guarded(const Common& common, const std::function<int()>& work) {
  try {
    return work();
  } catch (const Error& error) {
    log_error(error.what() + address_hint(error, common));
    return exit_code(error.failure());
  } catch (const Outage& outage) {
    log_error(std::string("lost Redis: ") + outage.what() + "; try again later");
    return exit_code(Failure::again);
  } catch (const ClosedOutput&) {
    return 0;
  } catch (const std::bad_alloc&) {
    log_error("out of memory");
    return exit_code(Failure::again);
  } catch (const std::system_error& error) {
    const bool shortage = is_shortage(error.code());
    log_error((shortage ? "this machine is short of something: " : "internal error: ") +
              std::string(error.what()));
    if (shortage) return exit_code(Failure::again);
  } catch (const std::exception& error) {
    log_error(std::string("internal error: ") + error.what());
  } catch (...) {
    if (stop_signal() == 0) log_error("internal error");  // else it is a Stopped
  }
  return internal_error;
}

}  // namespace

int run(int argc, char** argv, Common& common, const Tool& tool) {
  open_standard_descriptors();
  const std::vector<std::string> args(argv + std::min(argc, 1), argv + argc);
  hide_passwords(argc, argv);
  leave_process_1();
  start_logging(tool.name);
  const int code = guarded(common, [&] { return parse_and_work(args, common, tool); });
  if (stop_signal() != 0) die_by(stop_signal());
  return code;
}

}  // namespace chat::cli
