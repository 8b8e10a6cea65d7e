#include "sim/differential/real_redis.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "sim/resp.h"

namespace sim::differential {

RealClient::RealClient(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::system_error(errno, std::generic_category(), path);
  }
}

RealClient::~RealClient() { close(fd_); }

void RealClient::send(std::span<const std::string_view> args) {
  std::string bytes;
  append_command(bytes, args);
  for (std::string_view left = bytes; !left.empty();) {
    const ssize_t count = ::send(fd_, left.data(), left.size(), MSG_NOSIGNAL);
    if (count < 0) throw std::system_error(errno, std::generic_category(), "send to Redis");
    left.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string RealClient::receive() {
  constexpr int long_enough = 20000;
  std::size_t size = reply_size(input_);
  for (; size == 0; size = reply_size(input_)) {
    std::array<char, 65536> bytes;
    pollfd readable{fd_, POLLIN, 0};
    if (poll(&readable, 1, long_enough) != 1) throw std::runtime_error("Redis doesn't answer");
    const ssize_t count = recv(fd_, bytes.data(), bytes.size(), 0);
    if (count <= 0) throw std::runtime_error("Redis closed the connection");
    input_.append(bytes.data(), static_cast<std::size_t>(count));
  }
  std::string reply = input_.substr(0, size);
  input_.erase(0, size);
  return reply;
}

std::string RealClient::command(std::initializer_list<std::string_view> args) {
  send(std::span(args.begin(), args.size()));
  return receive();
}

}  // namespace sim::differential
