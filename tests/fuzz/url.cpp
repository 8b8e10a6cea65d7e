// Redis URLs: what is shown of them names the same place again, and never shows a password.
#include "base/error.h"
#include "base/secrets.h"
#include "fuzz/target.h"
#include "redis/endpoint.h"

namespace {

using namespace chat;

bool same_place(const Endpoint& one, const Endpoint& other) {
  return one.host == other.host && one.port == other.port && one.socket == other.socket &&
         one.tls == other.tls && one.sentinels == other.sentinels && one.master == other.master;
}

void try_url(std::string_view input) {
  try {
    const Endpoint endpoint = parse_url(input);
    const std::string shown = endpoint.str();
    fuzz::check(fuzz::harmless(shown), "a URL is plain text", shown);
    const Endpoint again = parse_url(shown.find("…") == shown.npos ? shown
                                                                   : shown.substr(0, shown.find("…")) + "u" +
                                                                         shown.substr(shown.find('@')));
    fuzz::check(same_place(endpoint, again), "what is shown is the same place", shown);
    fuzz::check(!again.password, "and has no password", shown);
    fuzz::check(endpoint.port != 0, "a port", shown);
  } catch (const Error& error) {
    fuzz::check(error.failure() == Failure::usage, "a bad URL is a usage error", error.what());
  }
}

constexpr std::string_view secret = "S3cR3t0S3cR3t";

void is_hidden(std::string_view text, std::string_view url) {
  fuzz::check(text.find(secret) == text.npos, "a password is shown of " + std::string(url), text);
}

// scheme LF user LF before the secret LF behind it LF host and so on
void try_password(std::string_view input) {
  fuzz::Input pieces(input);
  const std::string scheme(pieces.line());
  const std::string user(pieces.line());
  const std::string before(pieces.line());
  const std::string behind(pieces.line());
  const std::string host(pieces.line());
  if (input.find(secret) != input.npos || (scheme + user).find_first_of(":/@\" ") != std::string::npos)
    return;
  const std::string url = scheme + "://" + user + ":" + before + std::string(secret) + behind + "@" + host;
  is_hidden(redacted_url(url), url);
  try {
    const Endpoint endpoint = parse_url(url);
    is_hidden(endpoint.str(), url);
    fuzz::check(endpoint.password && endpoint.password->find(secret) != std::string::npos,
                "the password is taken", url);
  } catch (const Error& error) {
    is_hidden(error.what(), url);
  }
  std::string overwritten = url;
  hide_password(overwritten);
  is_hidden(overwritten, url);
  fuzz::check(overwritten.size() == url.size(), "in place", overwritten);
  // In a sentence the URL's end is known only where it has no blank, or stands in quotes.
  const std::string quoted = "the Redis URL \"" + url + "\" is refused";
  const std::string hidden = without_passwords(quoted);
  is_hidden(hidden, quoted);
  fuzz::check(without_passwords(hidden) == hidden, "once is enough", hidden);
  if (url.find_first_of(" \n\"") == url.npos) is_hidden(without_passwords("lost " + url + ": why"), url);
}

const fuzz::Target url("url", &try_url);
const fuzz::Target password("password", &try_password);

}  // namespace
