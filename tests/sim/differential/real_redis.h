#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace sim::differential {

/// A connection to a real Redis over its Unix socket, as raw as the simulated one.
class RealClient {
 public:
  /// Throws std::system_error.
  explicit RealClient(const std::string& path);
  ~RealClient();
  RealClient(const RealClient&) = delete;
  RealClient& operator=(const RealClient&) = delete;

  void send(std::span<const std::string_view> args);
  /// The bytes of the next reply. Throws std::runtime_error when none comes for 20 s.
  std::string receive();
  std::string command(std::initializer_list<std::string_view> args);

 private:
  int fd_;
  std::string input_;
};

}  // namespace sim::differential
