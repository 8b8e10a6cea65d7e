// The table of all commands, and what they share.
#include <array>
#include <unordered_map>

#include "sim/command.h"

namespace sim {

namespace {

using Table = std::unordered_map<std::string_view, const Command*>;

const Table& table() {
  static const Table all = [] {
    Table made;
    for (const std::span<const Command> commands :
         {key_commands(), hash_commands(), stream_commands(), group_commands(), claim_commands(),
          stream_info_commands(), reading_commands(), transaction_commands(), pubsub_commands(),
          script_commands(), server_commands()}) {
      for (const Command& command : commands) made.emplace(command.name, &command);
    }
    return made;
  }();
  return all;
}

constexpr std::array<std::string_view, 9> containers{"xgroup", "xinfo",   "script",   "pubsub", "client",
                                                     "config", "cluster", "sentinel", "command"};

// In small letters, in a buffer of the caller's; empty when it doesn't fit.
std::string_view lower(std::string_view text, std::span<char> buffer) {
  if (text.size() > buffer.size()) return {};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    buffer[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return {buffer.data(), text.size()};
}

bool is_container(std::string_view lower_name) {
  for (const std::string_view name : containers) {
    if (name == lower_name) return true;
  }
  return false;
}

}  // namespace

bool has_subcommands(std::string_view name) {
  std::array<char, 16> buffer{};
  return is_container(lower(name, buffer));
}

const Command* find_command(std::span<const std::string_view> args) {
  std::array<char, 64> buffer{};
  std::string_view name = lower(args[0], std::span(buffer).first(16));
  if (args.size() > 1 && is_container(name)) {
    const std::size_t size = name.size();
    buffer[size] = '|';
    const std::string_view sub = lower(args[1], std::span(buffer).subspan(size + 1));
    if (sub.empty()) return nullptr;
    name = {buffer.data(), size + 1 + sub.size()};
  }
  const auto place = table().find(name);
  return place == table().end() ? nullptr : place->second;
}

void Call::wrong_arity() { reply.error("wrong number of arguments for '" + std::string(name) + "' command"); }

void Call::bad_subcommand() {
  std::string text = "unknown subcommand or wrong number of arguments for '" +
                     std::string(args[1].substr(0, 128)) + "'. Try ";
  for (const char c : args[0]) text += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  reply.error(text + " HELP.");
}

std::optional<std::int64_t> Call::integer(std::size_t index, std::string_view error) {
  const auto value = parse_integer(args[index]);
  if (!value) reply.error(error);
  return value;
}

namespace {

template <class Parsed>
Parsed checked(Call& call, Parsed id) {
  if (!id) call.reply.error("Invalid stream ID specified as stream command argument");
  return id;
}

}  // namespace

std::optional<StreamId> Call::strict_id(std::size_t index, std::uint64_t missing) {
  return checked(*this, parse_strict_id(args[index], missing));
}

std::optional<StreamId> Call::id(std::size_t index, std::uint64_t missing) {
  return checked(*this, parse_id(args[index], missing));
}

std::optional<StreamId> Call::low(std::size_t index) {
  const std::string_view text = args[index];
  if (text.size() < 2 || text[0] != '(') return id(index, 0);
  auto found = checked(*this, parse_strict_id(text.substr(1), 0));
  if (found && !increment(*found)) {
    reply.error("invalid start ID for the interval");
    found.reset();
  }
  return found;
}

std::optional<StreamId> Call::high(std::size_t index) {
  const std::string_view text = args[index];
  if (text.size() < 2 || text[0] != '(') return id(index, biggest);
  auto found = checked(*this, parse_strict_id(text.substr(1), biggest));
  if (found && !decrement(*found)) {
    reply.error("invalid end ID for the interval");
    found.reset();
  }
  return found;
}

}  // namespace sim
