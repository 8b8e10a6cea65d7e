#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/wait.h"
#include "redis/endpoint.h"

struct redisContext;
struct ssl_st;

namespace chat {

/// TLS for one connection: at least version 1.2, and always with a server whose certificate is valid for the
/// endpoint's host.
class Tls {
 public:
  /// Reads the endpoint's files for TLS. Throws Error(usage) when this build has no TLS, Error(file).
  explicit Tls(const Endpoint& endpoint);

  /// Shakes hands on a connection that is new and doesn't block; from then on hiredis's functions read
  /// through TLS. Throws Error(unreachable) that says what is wrong with the server's certificate,
  /// Error(denied) when it refuses ours, Outage, Stopped.
  void start(redisContext& context, Deadline deadline, const StopToken& stop);

  /// Writes what the socket takes, and returns how many bytes that were. Throws Outage, and as
  /// throw_if_denied.
  std::size_t write(std::string_view bytes);

  /// Bytes that have come, for which poll(2) would wait in vain.
  bool pending() const;

  /// To be called when reading or writing failed: throws Error(denied) if it failed because the server wants
  /// another certificate of ours, as it tells only after shaking hands.
  void throw_if_denied() const;

 private:
  [[noreturn]] void fail() const;

  struct Free {
    void operator()(ssl_st* session) const;
  };
  std::unique_ptr<ssl_st, Free> session_;  // shared with the hiredis context
  std::string host_;
  std::string url_;
  bool has_certificate_ = false;
};

}  // namespace chat
