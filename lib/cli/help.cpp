#include "cli/help.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

#include "base/suggest.h"

namespace chat::cli {
namespace {

constexpr std::size_t description_column = 30;

std::string value_of(const CLI::Option& option) {
  const std::string name = option.get_type_name();
  const std::string type = name.substr(0, name.find(':'));  // CLI11 puts the checks' descriptions behind it
  return option.get_type_size() == 0 || type.empty() ? "" : " " + type;
}

std::string names_of(const CLI::Option& option) {
  std::string names;
  for (const std::string& name : option.get_snames()) names += (names.empty() ? "-" : ", -") + name;
  for (const std::string& name : option.get_lnames()) names += (names.empty() ? "--" : ", --") + name;
  return names + value_of(option);
}

std::string row(const std::string& names, std::string_view description) {
  const std::string margin = "\n" + std::string(description_column, ' ');
  std::string text = "  " + names;
  text += text.size() + 2 > description_column ? margin : std::string(description_column - text.size(), ' ');
  for (const char c : description) text += c == '\n' ? margin : std::string(1, c);
  return text + "\n";
}

std::string words_of(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    const std::string name = option->get_name(true);
    words += option->get_required() ? " " + name : " [" + name + "]";
    if (option->get_expected_max() > 1) words += "...";
  }
  return words;
}

std::string usage(const CLI::App& app) {
  const CLI::App* const parent = app.get_parent();
  std::string text = parent == nullptr ? app.get_name() : parent->get_name() + " " + app.get_name();
  text += " [OPTION]...";
  if (!app.get_subcommands({}).empty()) text += " [COMMAND]";
  return text + words_of(app);
}

std::string options_of(const CLI::App& app, const std::string& group) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional() || option->get_group() != group) continue;
    text += row(names_of(*option), option->get_description());
  }
  return text;
}

std::string commands_of(const CLI::App& app) {
  std::string text;
  for (const CLI::App* command : app.get_subcommands({})) {
    text += row(command->get_name() + words_of(*command), command->get_description());
  }
  return text;
}

const CLI::App& given(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return commands.empty() ? app : *commands.front();
}

std::vector<std::string> known_names(const CLI::App& app, bool options) {
  std::vector<std::string> names;
  for (const CLI::App* level = &app; level != nullptr; level = level->get_parent()) {
    if (!options) {
      for (const CLI::App* command : level->get_subcommands({})) names.push_back(command->get_name());
      continue;
    }
    for (const CLI::Option* option : level->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  // A command and its tool may have the same.
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// The names that the user may have meant: those that begin with the word, else those that look like it.
std::vector<std::string> meant(const std::string& word, const std::vector<std::string>& names) {
  std::vector<std::string> longer;
  for (const std::string& name : names) {
    if (word.size() > 3 && name.starts_with(word)) longer.push_back(name);
  }
  return longer.empty() ? near_names(word, names) : longer;
}

std::string unknown(const CLI::App& app, const std::string& word, const std::string& hint) {
  const bool option = word.size() > 1 && word.starts_with('-');
  const bool command = !option && app.get_parent() == nullptr && !app.get_subcommands({}).empty();
  if (!option && !command) return "unexpected argument \"" + word + "\"; usage: " + usage(app);
  const std::string name = option ? word.substr(0, word.find('=')) : word;
  const auto near = meant(name, known_names(app, option));
  const std::string text = option ? "unknown option " + name : "unknown command \"" + name + "\"";
  return text + (near.empty() ? hint : did_you_mean(near));
}

}  // namespace

std::string help_page(const CLI::App& app) {
  const CLI::App& shown = given(app);
  std::string text = "Usage: " + usage(shown) + "\n" + shown.get_description() + "\n";
  const std::string commands = commands_of(shown);
  if (!commands.empty()) text += "\nCommands (each has --help):\n" + commands;
  for (const std::string& group : shown.get_groups()) {
    if (group.empty()) continue;  // those that only explain themselves
    const std::string options = options_of(shown, group);
    if (!options.empty()) text.append("\n").append(group).append(":\n").append(options);
  }
  const CLI::App* const parent = shown.get_parent();
  const std::string& tool = parent == nullptr ? shown.get_name() : parent->get_name();
  if (parent != nullptr) text += "\nAlso the common options of '" + tool + " --help'.\n";
  return text + "\n" + shown.get_footer() + "\nManual: man " + tool + ", man redis-chat\n";
}

std::string short_help(const CLI::App& app, const std::vector<std::string>& options) {
  if (&given(app) != &app) return help_page(app);
  std::string text = "Usage: " + usage(app) + "\n" + app.get_description() + "\n";
  const std::string commands = commands_of(app);
  if (!commands.empty()) text += "\nCommands (each has --help):\n" + commands;
  text += "\nSome options:\n";
  for (const std::string& name : options) {
    const CLI::Option* const option = app.get_option_no_throw(name);
    if (option != nullptr) text += row(names_of(*option), option->get_description());
  }
  return text + "\n" + app.get_footer() + "\nAll options: " + app.get_name() + " --help\n";
}

std::string explain(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& level = given(app);
  const std::string hint =
      "; try '" + (level.get_parent() == nullptr ? "" : app.get_name() + " ") + level.get_name() + " --help'";
  std::string text = error.what();
  if (dynamic_cast<const CLI::ValidationError*>(&error) != nullptr) return text;
  for (const std::string& word : app.remaining(true)) {
    if (word != "--") return unknown(level, word, hint);
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    const CLI::Option* const before = &level == &app ? nullptr : app.get_option_no_throw("TOPIC");
    if (before == nullptr || before->count() != 1) return text + "; usage: " + usage(level);
    return text + did_you_mean({app.get_name() + " " + level.get_name() + " " + before->results().front()});
  }
  if (dynamic_cast<const CLI::ExcludesError*>(&error) != nullptr) {
    const std::string_view excludes = " excludes ";
    const std::size_t at = text.find(excludes);
    return text.substr(0, at) + " and " + text.substr(at + excludes.size()) + " exclude each other";
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string word = text.substr(0, text.find_first_of(": "));
    for (const std::string& name : {word, "--" + word, "-" + word}) {  // of a flag the dashes aren't said
      const CLI::Option* option = level.get_option_no_throw(name);
      if (option == nullptr) option = app.get_option_no_throw(name);
      if (option == nullptr) continue;
      return name + (value_of(*option).empty() ? " takes no value" : " wants a value:" + value_of(*option));
    }
  }
  return text + hint;
}

}  // namespace chat::cli
