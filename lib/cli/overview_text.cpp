#include "cli/overview_text.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/times.h"
#include "terminal/columns.h"
#include "terminal/table.h"

namespace chat {

namespace {

std::string sparkline(const TopicOverview& topic) {
  static constexpr std::array<const char*, 9> blocks{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const std::uint64_t most = *std::ranges::max_element(topic.stored);
  std::string line;
  for (const std::uint64_t count : topic.stored) {
    line += blocks.at(most == 0 ? 0 : (count * (blocks.size() - 1) + most - 1) / most);
  }
  return line;
}

// ASCII alone: what others wrote can't drive a terminal.
std::string line_of(const nlohmann::ordered_json& object) {
  return object.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

// Broken between names, as long as one of them isn't longer than a line. width 0: not broken.
void append_names(std::string& out, const std::vector<std::string>& names, std::size_t indent,
                  std::size_t width) {
  const std::size_t end = width == 0 ? std::string::npos : std::max(width, indent + 10);
  std::size_t at = indent;
  for (const std::string& name : names) {
    const std::string text = name + (&name == &names.back() ? "" : ",");
    const std::size_t columns = columns_of(text);
    if (at > indent && at + 1 + columns > end) {
      out += "\n" + std::string(indent, ' ');
      at = indent;
    } else if (at > indent) {
      out += " ";
      ++at;
    }
    append_wrapped(out, text, at, indent, end);
    at += columns;
  }
}

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text, true);
  return out;
}

std::string escaped_name(std::string_view name) {
  std::string out;
  append_escaped_name(out, name, true);
  return out;
}

}  // namespace

std::string overview_table(const std::vector<TopicOverview>& topics, std::size_t width) {
  Table table("lrrlll", {"TOPIC", "SUBSCRIBERS", "MESSAGES", "LAST ACTIVITY", "LAST HOUR", "DESCRIPTION"});
  for (const TopicOverview& topic : topics) {
    table.add({topic.name, std::to_string(topic.subscribers), std::to_string(topic.kept),
               topic.last_stored ? local_time(*topic.last_stored, "%F %T") : "-", sparkline(topic),
               topic.state.description});
  }
  std::string text;
  for (const std::string& line : table.lines(width)) text += line + "\n";
  return text;
}

void sort_by_activity(std::vector<TopicOverview>& topics) {
  const auto key = [](const TopicOverview& topic) {
    return std::pair(topic.rate.value_or(0), topic.last_stored.value_or(std::chrono::milliseconds(-1)));
  };
  std::ranges::sort(topics, [&](const TopicOverview& left, const TopicOverview& right) {
    const auto a = key(left);
    const auto b = key(right);
    return a != b ? a > b : left.name < right.name;
  });
}

std::vector<std::string> activity_table(const std::vector<TopicOverview>& topics, std::size_t width) {
  Table table("lrrll", {"TOPIC", "SUBS", "MSG/S", "LAST HOUR", "LAST MESSAGE"});
  for (const TopicOverview& topic : topics) {
    std::string newest;
    if (topic.newest) {
      const bool today = local_time(*topic.last_stored, "%F") == local_time(topic.state.now, "%F");
      newest = local_time(*topic.last_stored, today ? "%T" : "%F") + " " + escaped_name(topic.newest->user) +
               ": " + topic.newest->text;
    }
    table.add({topic.name, std::to_string(topic.subscribers), topic.rate ? rate_text(*topic.rate) : "-",
               sparkline(topic), newest});
  }
  return table.lines(width);
}

std::string activity_lines(const std::vector<TopicOverview>& topics) {
  std::string lines;
  for (const TopicOverview& topic : topics) {
    lines += local_time(topic.state.now, "%T") + "\t" + topic.name + "\t" +
             std::to_string(topic.subscribers) + "\t" + rate_text(topic.rate.value_or(0)) + "\t";
    if (topic.newest) lines += escaped(topic.newest->user) + "\t" + escaped(topic.newest->text);
    lines += "\n";
  }
  return lines;
}

std::string rate_text(double rate) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), rate > 0 && rate < 9.95 ? "%.1f" : "%.0f", rate);
  return text.data();
}

std::string overview_json(const std::vector<TopicOverview>& topics) {
  std::string lines;
  for (const TopicOverview& topic : topics) {
    nlohmann::ordered_json object{{"topic", topic.name},
                                  {"subscribers", topic.subscribers},
                                  {"messages", topic.kept},
                                  {"last_id", topic.state.last.str()},
                                  {"last_hour", topic.stored},
                                  {"max_len", topic.state.max_len},
                                  {"max_age_ms", topic.state.max_age.count()},
                                  {"description", topic.state.description}};
    object["last_activity"] = nullptr;
    if (topic.rate) object["rate"] = *topic.rate;
    if (topic.last_stored) object["last_activity"] = topic.last_stored->count() / 1000;
    lines += line_of(object);
  }
  return lines;
}

std::string presence_table(const Presences& topics, std::size_t width) {
  const std::string heading = "TOPIC";
  std::size_t column = heading.size();
  for (const auto& [topic, present] : topics) column = std::max(column, topic.size());
  column += 2;
  const bool narrow = width > 0 && width < 2 * column;
  const std::size_t indent = narrow ? 2 : column;
  std::string table = heading + std::string(narrow ? 2 : column - heading.size(), ' ') + "WHO\n";
  for (const auto& [topic, present] : topics) {
    std::vector<std::string> who;
    for (const std::string& user : present.users) who.push_back(escaped_name(user));
    if (present.nameless > 0) who.push_back(std::to_string(present.nameless) + " without a name");
    if (who.empty()) continue;
    table += topic + (narrow ? "\n  " : std::string(column - topic.size(), ' '));
    append_names(table, who, indent, width);
    table += "\n";
  }
  return table;
}

std::string presence_lines(const Presences& topics, bool with_topic) {
  std::string lines;
  for (const auto& [topic, present] : topics) {
    for (const std::string& user : present.users) {
      if (with_topic) lines += topic + "\t";
      append_escaped(lines, user, true);
      lines += "\n";
    }
  }
  return lines;
}

std::string presence_json(const Presences& topics) {
  std::string lines;
  for (const auto& [topic, present] : topics) {
    lines += line_of({{"topic", topic}, {"users", present.users}, {"nameless", present.nameless}});
  }
  return lines;
}

}  // namespace chat
