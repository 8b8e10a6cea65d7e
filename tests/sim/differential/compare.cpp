#include "sim/differential/compare.h"

#include <algorithm>
#include <cstdlib>

#include "sim/resp.h"

namespace sim::differential {

namespace {

struct Token {
  char kind;
  std::string_view text;  // a bulk's bytes
};

std::vector<Token> tokens(std::string_view bytes) {
  std::vector<Token> found;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find("\r\n");
    Token token{bytes[0], bytes.substr(1, end - 1)};
    bytes.remove_prefix(end + 2);
    if (token.kind == '$' && token.text != "-1") {
      const auto size = static_cast<std::size_t>(parse_integer(token.text).value_or(0));
      token.text = bytes.substr(0, size);
      bytes.remove_prefix(size + 2);
    } else if (token.kind == '$') {
      token.kind = '_';
    }
    found.push_back(token);
  }
  return found;
}

// The command itself, when a script calls it.
std::vector<std::string> inner(const std::vector<std::string>& args) {
  if (args.size() > 3 && is_word(args[0], "EVAL") && args[2] == "0") return {args.begin() + 3, args.end()};
  return args;
}

bool is(const std::vector<std::string>& args, std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(names, [&](std::string_view name) { return is_word(args[0], name); });
}

bool near(std::string_view a, std::string_view b) {
  constexpr long long tolerance = 30000;
  const auto first = parse_integer(a);
  const auto second = parse_integer(b);
  return first && second && std::llabs(*first - *second) < tolerance && (*first < 0) == (*second < 0);
}

bool unordered(const std::vector<std::string>& args) {
  return is(args, {"PUBSUB", "HGETALL"}) || (is(args, {"UNSUBSCRIBE", "SUNSUBSCRIBE"}) && args.size() == 1);
}

}  // namespace

bool agree(const std::vector<std::string>& given, std::string_view real, std::string_view simulated) {
  if (real == simulated) return true;
  const std::vector<std::string> args = inner(given);
  std::vector<Token> a = tokens(real);
  std::vector<Token> b = tokens(simulated);
  if (a.size() != b.size()) return false;
  if (unordered(args)) {
    if (!is(args, {"PUBSUB", "HGETALL"}))
      return a.size() == 4 && a[3].text == b[3].text;  // which one, isn't said
    const auto less = [](const Token& x, const Token& y) { return x.text < y.text; };
    std::ranges::sort(a, less);
    std::ranges::sort(b, less);
  }
  const bool timed = is(args, {"XPENDING", "XINFO", "PTTL", "TTL", "TIME"});
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].kind != b[i].kind) return false;
    if (a[i].text == b[i].text) continue;
    const std::string_view label = i > 0 ? a[i - 1].text : std::string_view();
    if (is(args, {"HELLO"}) && (label == "id" || label == "version")) continue;
    if (is(args, {"XINFO"}) && label == "radix-tree-nodes") continue;
    if (is(args, {"TIME"}) && i + 1 == a.size()) continue;  // microseconds, also in what a script returns
    if (is(args, {"CLUSTER"}) && a[i].text.size() == 40) continue;  // a node's name
    if (is(args, {"XINFO"}) && label != "idle") return false;
    if (!timed || !near(a[i].text, b[i].text)) return false;
  }
  return true;
}

std::string printable(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    if (c == '\r') continue;
    if (c == '\n') {
      text += "\\n";
    } else if (c == '\\') {
      text += "\\\\";
    } else if (c >= ' ' && c < 127) {
      text += c;
    } else {
      text += "\\x";
      text += "0123456789abcdef"[(static_cast<unsigned char>(c)) >> 4U];
      text += "0123456789abcdef"[static_cast<unsigned char>(c) & 15U];
    }
  }
  return text;
}

std::string printable(const std::vector<std::string>& args) {
  std::string text;
  for (const std::string& arg : args) {
    if (!text.empty()) text += ' ';
    if (arg.size() > 300) {
      text += "<" + std::to_string(arg.size()) + " bytes>";
    } else if (arg.empty() || arg.find_first_of(" \r\n\"'") != std::string::npos) {
      text += '"' + printable(arg) + '"';
    } else {
      text += printable(arg);
    }
  }
  return text;
}

bool makes_up_time(const std::vector<std::string>& given) {
  const std::vector<std::string> args = inner(given);
  if (is(args, {"EVALSHA"})) return true;
  return is(args, {"XADD"}) && std::ranges::find(args, "*") != args.end();
}

long long made_up_time(const std::vector<std::string>& given, std::string_view reply) {
  const std::vector<Token> found = tokens(reply);
  if (is(inner(given), {"EVALSHA"})) {
    // {before, sequence, ms, n, max_len, now, ...}, or LATE now
    if (found[0].text.starts_with("LATE ")) return std::atoll(found[0].text.data() + 5);
    return found.size() > 6 && found[0].kind == '*' && found[6].kind == ':' ? std::atoll(found[6].text.data())
                                                                            : 0;
  }
  for (const Token& token : found) {
    const std::size_t dash = token.text.find('-');
    if (token.kind == '$' && dash != std::string_view::npos) {
      return static_cast<long long>(parse_unsigned(token.text.substr(0, dash)).value_or(0));
    }
  }
  return 0;
}

}  // namespace sim::differential
