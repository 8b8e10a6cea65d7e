#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/wait.h"
#include "redis/endpoint.h"

struct ssl_st;

namespace chat {

/// TLS for one connection: at least version 1.2, and always with a server whose certificate is valid for the
/// endpoint's host.
class Tls {
 public:
  /// Reads the endpoint's files for TLS. Throws Error(usage) when OpenSSL isn't there, Error(file).
  explicit Tls(const Endpoint& endpoint);

  /// Shakes hands on a socket that doesn't block, and stays open as long as this lives.
  /// Throws Error(unreachable) that says what is wrong with the server's certificate, Error(denied) when it
  /// refuses ours, Outage, Stopped.
  void start(int fd, Deadline deadline, const StopToken& stop);

  /// Read what has come, one record at most (0: nothing yet), and write what the socket takes. Both return
  /// how many bytes that were. They throw Outage, and Error(denied) if the server wants another certificate
  /// of ours, as it tells only after shaking hands.
  std::size_t read(std::span<char> room);
  std::size_t write(std::string_view bytes);

  /// Bytes that have come, for which poll(2) would wait in vain.
  bool pending() const;

 private:
  void throw_if_denied() const;
  void throw_if_broken(int result, int saved_errno) const;
  [[noreturn]] void fail() const;

  struct Free {
    void operator()(ssl_st* session) const;
  };
  std::unique_ptr<ssl_st, Free> session_;
  std::string host_;
  std::string url_;
  bool has_certificate_ = false;
};

}  // namespace chat
