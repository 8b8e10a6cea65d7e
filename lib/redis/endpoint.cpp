#include "redis/endpoint.h"

#include <sys/un.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "base/error.h"
#include "base/numbers.h"

namespace chat {
namespace {

constexpr std::uint16_t sentinel_port = 26379;
// Without a user and password, so that hiding these where texts are written leaves all of it.
constexpr std::string_view forms =
    "redis://host:6379, rediss://host:6379, unix:///path, redis-sentinel://host:26379,host:26379/master (man "
    "redis-chat)";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The part before the first `mark` and the part after it, which is empty when there is none.
std::pair<std::string_view, std::string_view> cut(std::string_view text, char mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_whole(text);
  if (!port || *port == 0 || *port > UINT16_MAX) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text, std::string_view kept = "-._~/") {
  std::string out;
  for (const char c : text) {
    if (is_letter(c) || is_digit(c) || kept.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += "0123456789ABCDEF"[byte >> 4U];
    out += "0123456789ABCDEF"[byte & 0xfU];
  }
  return out;
}

bool is_name(std::string_view host) {
  for (const char c : host) {
    if (!is_letter(c) && !is_digit(c) && c != '.' && c != '-' && c != '_') return false;
  }
  return !host.empty();
}

// Only roughly: the system's own functions look at it more closely.
bool is_ipv6(std::string_view host) {
  const auto [address, zone] = cut(host, '%');
  if (address.find(':') == address.rfind(':')) return false;
  for (const char c : address) {
    if (hex_value(c) < 0 && c != ':' && c != '.') return false;
  }
  return address.size() == host.size() || is_name(zone);
}

std::string in_brackets(const std::string& host) {
  return host.find(':') == std::string::npos ? host : '[' + host + ']';
}

// Where, from the host on, something stands after a ':' that isn't a port: it may be a password whose '@'
// was forgotten. npos if nowhere.
std::size_t find_no_port(std::string_view url, std::size_t at) {
  bool brackets = false;
  for (; at < url.size() && url[at] != '/' && url[at] != '?'; ++at) {
    if (url[at] == '[') brackets = true;
    if (url[at] == ']') brackets = false;
    if (url[at] != ':' || brackets) continue;
    std::size_t end = at + 1;
    while (end < url.size() && is_digit(url[end])) ++end;
    const bool port =
        end - at - 1 <= 5 && (end == url.size() || url[end] == ',' || url[end] == '/' || url[end] == '?');
    if (!port) return at;
  }
  return std::string_view::npos;
}

class UrlParser {
 public:
  explicit UrlParser(std::string_view url) : url_(url) {}
  Endpoint parse();

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(Failure::usage, "the Redis URL \"" + redacted_url(url_) + "\" " + why);
  }
  std::string decoded(std::string_view text) const;
  std::string_view take_login(std::string_view rest);
  std::pair<std::string, std::uint16_t> host_and_port(std::string_view text,
                                                      std::uint16_t default_port) const;
  void check_database(std::string_view text) const;
  void check_query(std::string_view query) const;
  void read_server(std::string_view rest);
  void read_socket(std::string_view path);
  void read_sentinels(std::string_view rest);

  std::string_view url_;
  Endpoint endpoint_;
};

Endpoint UrlParser::parse() {
  const std::size_t mark = url_.find("://");
  std::string scheme(url_.substr(0, mark == std::string_view::npos ? 0 : mark));
  for (char& c : scheme) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (scheme == "valkey" || scheme == "valkeys") scheme.replace(0, 6, "redis");
  const bool server = scheme == "redis" || scheme == "rediss";
  const bool sentinel = scheme == "redis-sentinel" || scheme == "rediss-sentinel";
  if (!server && scheme != "unix" && !sentinel) {
    refuse((scheme.empty() ? "has no scheme; " : "has an unknown scheme; ") + std::string("the forms are ") +
           std::string(forms));
  }
  std::string_view rest = url_.substr(mark + 3);
  // A socket's path may hold an '@' of its own.
  if (scheme != "unix" || !rest.starts_with('/')) rest = take_login(rest);
  if (rest.find('#') != std::string_view::npos)
    refuse("holds a '#'; if it belongs to a name or password, write %23");
  const auto [place, query] = cut(rest, '?');
  check_query(query);
  endpoint_.tls = scheme.starts_with("rediss");
  if (server) {
    read_server(place);
  } else if (scheme == "unix") {
    read_socket(place);
  } else {
    read_sentinels(place);
  }
  return std::move(endpoint_);
}

std::string UrlParser::decoded(std::string_view text) const {
  std::optional<std::string> plain = percent_decode(text);
  if (!plain) refuse("holds a '%' that two hexadecimal digits don't follow; a '%' itself is written %25");
  return *std::move(plain);
}

std::string_view UrlParser::take_login(std::string_view rest) {
  const std::size_t at = rest.rfind('@');
  if (at == std::string_view::npos) return rest;
  const std::string_view login = rest.substr(0, at);
  if (login.find_first_of("/?#@[] ") != std::string_view::npos) {
    refuse(
        "holds one of / ? # @ [ ] or a space before the host; in a name or password, percent-encode it: "
        "%2F %3F %23 %40 %5B %5D %20");
  }
  const auto [user, password] = cut(login, ':');
  endpoint_.user = decoded(user);
  if (!password.empty()) endpoint_.password = decoded(password);
  endpoint_.hide_user = password.empty();
  return rest.substr(at + 1);
}

std::pair<std::string, std::uint16_t> UrlParser::host_and_port(std::string_view text,
                                                               std::uint16_t default_port) const {
  std::string_view host = text.substr(0, text.find(':'));
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) refuse("lacks the ']' after its IPv6 address");
    host = text.substr(1, close - 1);
    if (!is_ipv6(host)) refuse("holds no IPv6 address between '[' and ']'");
    text.remove_prefix(close + 1);
  } else {
    if (!host.empty() && !is_name(host)) refuse("holds a character that can't be in a host's name");
    text.remove_prefix(host.size());
  }
  if (text.empty()) return {std::string(host), default_port};
  const std::optional<std::uint16_t> port = parse_port(text.substr(1));
  if (text.starts_with(':') && port) return {std::string(host), *port};
  if (text.find(':', 1) != std::string_view::npos)
    refuse("has no port from 1 to 65535; an IPv6 address stands in brackets");
  refuse("has no port from 1 to 65535 after the host's ':'");
}

void UrlParser::check_database(std::string_view text) const {
  if (text.empty() || text == "0") return;
  if (text.find_first_not_of("0123456789") != std::string_view::npos) {
    refuse("has something other than a database number at its end");
  }
  refuse("asks for database " + std::string(text) +
         ": only 0 works, since Pub/Sub ignores database numbers and topics would mix");
}

void UrlParser::check_query(std::string_view query) const {
  while (!query.empty()) {
    const auto [setting, more] = cut(query, '&');
    const auto [name, value] = cut(setting, '=');
    if (name != "db") refuse("has a setting after its '?' that isn't known; db=0 is");
    check_database(value);
    query = more;
  }
}

void UrlParser::read_server(std::string_view rest) {
  const auto [place, database] = cut(rest, '/');
  check_database(database);
  auto [host, port] = host_and_port(place, endpoint_.port);
  if (!host.empty()) endpoint_.host = std::move(host);
  endpoint_.port = port;
}

void UrlParser::read_socket(std::string_view path) {
  if (!path.starts_with('/')) refuse("needs the whole path of a socket: unix:///path");
  endpoint_.socket = decoded(path);
  if (endpoint_.socket.size() < 2 || endpoint_.socket.find('\0') != std::string::npos) {
    refuse("doesn't name a socket: unix:///path");
  }
  if (endpoint_.socket.size() >= sizeof(sockaddr_un::sun_path)) {
    refuse("names a socket path longer than " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes");
  }
}

void UrlParser::read_sentinels(std::string_view rest) {
  auto [hosts, path] = cut(rest, '/');
  const auto [master, database] = cut(path, '/');
  if (master.empty()) refuse("lacks the master's name: redis-sentinel://host:port,…/master");
  check_database(database);
  endpoint_.master = decoded(master);
  for (bool more = true; more;) {
    more = hosts.find(',') != std::string_view::npos;
    const auto [one, others] = cut(hosts, ',');
    endpoint_.sentinels.push_back(host_and_port(one, sentinel_port));
    if (endpoint_.sentinels.back().first.empty())
      refuse("lacks a sentinel's host: redis-sentinel://host:port,…/master");
    hosts = others;
  }
}

}  // namespace

std::string Endpoint::str() const {
  const std::string login = user.empty() ? "" : (hide_user ? "…" : percent_encode(user, "-._~")) + '@';
  if (!sentinels.empty()) {
    std::string hosts;
    for (const auto& [name, number] : sentinels) {
      if (!hosts.empty()) hosts += ',';
      hosts += in_brackets(name) + ':' + std::to_string(number);
    }
    return (tls ? "rediss-sentinel://" : "redis-sentinel://") + login + hosts + '/' +
           percent_encode(master, "-._~");
  }
  if (!socket.empty()) return "unix://" + login + percent_encode(socket);
  return (tls ? "rediss://" : "redis://") + login + in_brackets(host) + ':' + std::to_string(port);
}

bool is_host(std::string_view text) { return is_name(text) || is_ipv6(text); }

std::string read_password(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  if (!file.is_open() || file.bad()) {
    throw Error(Failure::file,
                "can't read the password file \"" + path + "\": " + std::generic_category().message(errno));
  }
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (line.starts_with(byte_order_mark)) line.erase(0, byte_order_mark.size());
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) throw Error(Failure::file, "the password file \"" + path + "\" has an empty first line");
  return line;
}

std::string redacted_url(std::string_view url) {
  const std::size_t slashes = url.find("//");
  const std::size_t start = slashes == std::string_view::npos ? 0 : slashes + 2;
  const std::size_t at = url.rfind('@');
  const std::size_t host = at == std::string_view::npos ? start : at + 1;
  std::string shown(url);
  if (const std::size_t colon = find_no_port(url, host); colon != std::string_view::npos) {
    shown.replace(colon + 1, std::string::npos, "…");
  }
  if (at != std::string_view::npos && at > start) {
    const std::size_t colon = url.find(':', start);
    const std::size_t secret = colon < at ? colon + 1 : start;  // a user alone may be meant as a password
    shown.replace(secret, at - secret, "…");
  }
  const std::size_t query = shown.find('?');
  if (query != std::string::npos) shown.replace(query + 1, std::string::npos, "…");
  return shown;
}

Endpoint parse_url(std::string_view url) { return UrlParser(url).parse(); }

}  // namespace chat
