#include "cli/arguments.h"

#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "chat/message.h"

namespace chat::cli {

namespace {

template <class Number>
bool reads(const std::string& text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

std::string plain(double number) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.10g", number);
  return text.data();
}

}  // namespace

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
    return "must be a number from " + plain(least) + " to " + plain(most) + ", not \"" + text + "\"";
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

std::string publishing_user(const std::optional<std::string>& given) {
  std::string user;
  const auto from_environment = user_from_environment();
  if (given) {
    user = *given;
  } else if (from_environment) {
    user = *from_environment;
  } else if (const passwd* login = getpwuid(geteuid())) {
    user = login->pw_name;
  } else {
    user = std::to_string(geteuid());
  }
  check_user(user);
  return user;
}

std::string read_size(std::string& text) {
  std::string bytes = text;
  try {
    CLI::AsSizeValue{false}(bytes);
  } catch (const CLI::ValidationError&) {
    bytes.clear();
  }
  if (whole_number(1, std::uint64_t{256} << 20)(bytes).empty()) {
    text = bytes;
    return "";
  }
  return "must be bytes, also as 64K or 16M, at most 256M, not \"" + text + "\"";
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

}  // namespace chat::cli
