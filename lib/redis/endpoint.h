#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chat {

/// PEM files for TLS; an empty name: none.
struct TlsFiles {
  std::string cacert;  ///< whom to trust, instead of the system's authorities
  std::string cert;    ///< our own certificate
  std::string key;     ///< the key that belongs to it
};

/// Where Redis is and as whom to log in.
struct Endpoint {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::string socket;  ///< path of a Unix socket; host and port count only when it is empty
  bool tls = false;
  TlsFiles tls_files;
  std::string user;                     ///< empty: the default user
  std::optional<std::string> password;  ///< absent: no login
  std::string password_file;            ///< not empty: the password is read from it at each login
  bool hide_user = false;               ///< it came without a password, so that it may be one
  std::vector<std::pair<std::string, std::uint16_t>> sentinels;  ///< ask these for the master
  std::string master;                                            ///< its name there
  std::optional<std::string> sentinel_password;                  ///< to log in to the sentinels

  /// As a URL for messages to people: never with a password, nor with what may have been meant as one.
  std::string str() const;
};

/// Whether this can be a host's name or address, as far as its characters go.
bool is_host(std::string_view text);

/// The first line of a file, without a byte order mark before it and the line's end (LF or CR LF) behind it.
/// Throws Error(file).
std::string read_password(const std::string& path);

/// Reads `redis://[user[:password]@]host[:port][/db]`, `rediss://…`, `unix:///path[?db=N]` or
/// `redis-sentinel://host:port,…/master[/db]`, with `rediss-sentinel://` for TLS with all of them;
/// `valkey://` and `valkeys://` are the same as `redis://` and `rediss://`. User, password and path may be
/// percent-encoded; an IPv6 host stands in brackets. Throws Error(usage) that names what is wrong, without
/// the password; a database other than 0 is refused, since Pub/Sub has no databases.
Endpoint parse_url(std::string_view url);

/// The endpoint of a command: `url` if given, else $REDIS_URL, else $REDIS_HOST with $REDIS_PORT (a number,
/// or tcp://host:port as container links set it, which also stands for $REDIS_HOST), else
/// redis://127.0.0.1:6379. An empty variable counts as unset; blanks and line ends around $REDIS_URL and
/// $REDIS_HOST are left out. The password comes from the first of:
/// `password_file` (which is kept for later logins when it is no pipe), the URL, $REDISCLI_AUTH; that of the
/// sentinels from $REDIS_SENTINEL_AUTH. With TLS, files that are not given come from $REDIS_TLS_CACERT,
/// $REDIS_TLS_CERT and $REDIS_TLS_KEY; without it, given ones are refused. `getenv` returns nullptr for what
/// is unset. Throws Error(usage), and Error(file) when the password file can't be read.
Endpoint find_endpoint(const std::optional<std::string>& url, const std::optional<std::string>& password_file,
                       const TlsFiles& tls_files, const std::function<const char*(const char*)>& getenv);

}  // namespace chat
