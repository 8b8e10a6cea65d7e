#include "cli/run.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/output.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/logging.h"
#include "cli/secrets.h"
#include "cli/signals.h"
#include "redis/connection.h"

#ifndef CHAT_VERSION
#define CHAT_VERSION "dev"
#endif

namespace chat::cli {

namespace {

const char* const common_group = "Common";

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
    log_error(explain(app, error));
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
  if (common.verbose) set_log_level(LogLevel::debug);
  if (common.quiet) set_log_level(LogLevel::error);
  return tool.main(stop);
}

int guarded(const std::function<int()>& work) {
  try {
    return work();
  } catch (const Error& error) {
    log_error(error.what());
    return exit_code(error.failure());
  } catch (const Outage& outage) {
    log_error(std::string("lost Redis: ") + outage.what() + "; try again later");
    return exit_code(Failure::again);
  } catch (const ClosedOutput&) {
    return 0;
  } catch (const std::bad_alloc&) {
    log_error("out of memory");
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
  const int code = guarded([&] { return parse_and_work(args, common, tool); });
  if (stop_signal() != 0) die_by(stop_signal());
  return code;
}

}  // namespace chat::cli
