#pragma once

#include <cstdint>
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

/// The URL for an error text. However malformed it is, nothing that may be a password is left.
std::string redacted_url(std::string_view url);

}  // namespace chat
