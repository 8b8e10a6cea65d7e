#include "base/secrets.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace chat {

namespace {

constexpr std::string_view scheme_end = "://";

void hide(std::span<char> text, std::size_t begin, std::size_t end) {
  std::ranges::fill(text.subspan(begin, end - begin), '*');
}

// `host:secret`, where somebody has forgotten the host. Names may be a list.
void hide_bad_ports(std::span<char> names) {
  const std::string_view text(names.data(), names.size());
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find_first_of(",/?", begin), text.size());
    const std::size_t bracket = text[begin] == '[' ? std::min(text.find(']', begin), end) : begin;
    const std::size_t colon = std::min(text.find(':', bracket), end);
    const std::size_t stop = std::min(text.find_first_not_of("0123456789", colon + 1), end);
    // A colon alone may follow, as in `can't reach redis://host:6379: refused`.
    if (colon < end && stop < end && text[stop] != ':') hide(names, colon + 1, end);
    if (end == text.size() || text[end] != ',') return;
    begin = end + 1;
  }
}

// word: has a scheme at `begin` of what follows it. rest: how far a password may reach that isn't in the
// word.
void hide_in_url(std::span<char> word, std::size_t begin, std::span<char> rest) {
  std::span<char> names = word.subspan(begin);
  std::size_t at = std::string_view(names.data(), names.size()).rfind('@');
  if (at == std::string_view::npos) {
    const std::string before(names.begin(), names.end());
    hide_bad_ports(names);
    if (std::ranges::equal(before, names)) return;
    names = {names.data(), rest.data() + rest.size()};
    at = std::string_view(names.data(), names.size()).rfind('@');
    if (at == std::string_view::npos) return;
  }
  const std::size_t colon = std::string_view(names.data(), at).find(':');
  hide(names, colon == std::string_view::npos ? 0 : colon + 1,
       at);  // a name alone may be meant as a password
}

}  // namespace

void hide_password(std::span<char> url) {
  const std::string_view text(url.data(), url.size());
  const std::size_t scheme = text.find(scheme_end);
  const std::size_t colon = text.find(':', scheme == text.npos ? 0 : scheme + scheme_end.size());
  const std::size_t at = text.rfind('@');
  if (colon == text.npos || at == text.npos || at < colon) return;
  hide(url, colon + 1, at);
}

std::string without_passwords(std::string text) {
  for (std::size_t begin = 0; begin < text.size();) {
    const bool quoted = text[begin] == '"';
    if (quoted) ++begin;
    std::size_t end = std::min(text.find_first_of(quoted ? "\"" : " \n\"", begin), text.size());
    const std::size_t scheme = text.find(scheme_end, begin);
    if (scheme < end) {
      if (quoted) end = std::max(end, std::min(text.rfind('"'), text.size()));  // it may hold one itself
      hide_in_url({text.data() + begin, end - begin}, scheme + scheme_end.size() - begin,
                  {text.data() + end, text.size() - end});
    } else {
      hide_password({text.data() + begin, end - begin});
    }
    begin = end < text.size() && (quoted || text[end] != '"') ? end + 1 : end;
  }
  return text;
}

std::vector<std::string> environment_without_passwords() {
  std::vector<std::string> environment;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    std::string text = *variable;
    if (text.starts_with("REDISCLI_AUTH=") || text.starts_with("REDIS_SENTINEL_AUTH=")) continue;
    if (text.starts_with("REDIS_URL=")) {
      const std::size_t scheme = text.find(scheme_end);
      const std::size_t begin = scheme == std::string::npos ? text.find('=') + 1 : scheme + scheme_end.size();
      const std::size_t colon = text.find(':', begin);
      const std::size_t at = text.rfind('@');
      // Without a user the @ goes too.
      if (at != std::string::npos && colon < at) text.erase(colon, at - colon + (colon == begin ? 1 : 0));
    }
    environment.push_back(std::move(text));
  }
  return environment;
}

}  // namespace chat
