#include "redis/dial.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

#include "base/error.h"

namespace chat {

namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

/// Shared by who asks and by the thread that looks up, whichever lasts longer.
class Lookup {
 public:
  Lookup(std::string host, std::uint16_t port)
      : host_(std::move(host)), port_(std::to_string(port)), done_(eventfd(0, EFD_CLOEXEC)) {
    if (done_.get() < 0) throw Outage(std::strerror(errno));
  }

  void run(int flags) {
    addrinfo hints{};
    hints.ai_flags = flags | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    error_ = getaddrinfo(host_.c_str(), port_.c_str(), &hints, &list);
    errno_ = errno;
    found_.reset(error_ == 0 ? list : nullptr);
  }

  /// For the thread.
  void run_and_tell() {
    run(0);
    finished_ = true;
    eventfd_write(done_.get(), 1);
  }

  /// Readable when it is finished.
  int fd() const { return done_.get(); }
  bool finished() const { return finished_; }

  const addrinfo* found() const { return found_.get(); }
  std::string reason() const { return error_ == EAI_SYSTEM ? std::strerror(errno_) : gai_strerror(error_); }

 private:
  std::string host_;
  std::string port_;
  Socket done_;
  std::atomic<bool> finished_ = false;
  int error_ = 0;
  int errno_ = 0;
  std::unique_ptr<addrinfo, FreeAddresses> found_;
};

// Signals are for the thread that waits with poll(2).
void start_thread(const std::shared_ptr<Lookup>& lookup) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread([lookup] { lookup->run_and_tell(); }).detach();
  } catch (const std::system_error& error) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw Outage(std::string("can't look up the name: ") + error.what());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

std::shared_ptr<Lookup> look_up(const Endpoint& endpoint, Deadline deadline, const StopToken& stop) {
  auto lookup = std::make_shared<Lookup>(endpoint.host, endpoint.port);
  lookup->run(AI_NUMERICHOST);
  if (lookup->found() != nullptr) return lookup;
  start_thread(lookup);
  pollfd ready{lookup->fd(), POLLIN, 0};
  if (wait({&ready, 1}, deadline, stop) == 0 && !lookup->finished()) {
    if (stop.requested()) throw Stopped();
    throw Outage("the name server gave no answer for \"" + endpoint.host + "\" in time");
  }
  if (!lookup->finished() || lookup->found() == nullptr) throw Outage(lookup->reason());
  return lookup;
}

Socket connect_to(int family, const sockaddr* address, socklen_t size, Deadline deadline,
                  const StopToken& stop) {
  Socket made(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (made.get() < 0) throw Outage(std::strerror(errno));
  if (::connect(made.get(), address, size) == 0) return made;
  if (errno != EINPROGRESS) throw Outage(std::strerror(errno));
  pollfd ready{made.get(), POLLOUT, 0};
  if (wait({&ready, 1}, deadline, stop) == 0) {
    if (stop.requested()) throw Stopped();
    throw Outage(std::strerror(ETIMEDOUT));
  }
  int error = 0;
  socklen_t error_size = sizeof error;
  getsockopt(made.get(), SOL_SOCKET, SO_ERROR, &error, &error_size);
  if (error != 0) throw Outage(std::strerror(error));
  return made;
}

Socket connect_to_path(const std::string& path, Deadline deadline, const StopToken& stop) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address, deadline, stop);
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

Deadline share_of(Deadline deadline, std::size_t parts) {
  const Deadline now = Clock::now();
  return now + std::max(deadline - now, Clock::duration::zero()) / static_cast<Clock::rep>(parts);
}

Socket dial(const Endpoint& endpoint, Deadline deadline, const StopToken& stop) {
  if (!endpoint.socket.empty()) return connect_to_path(endpoint.socket, deadline, stop);
  const std::shared_ptr<Lookup> lookup = look_up(endpoint, deadline, stop);
  std::size_t left = 0;
  for (const addrinfo* at = lookup->found(); at != nullptr; at = at->ai_next) ++left;
  std::string reasons;
  for (const addrinfo* at = lookup->found(); at != nullptr; at = at->ai_next, --left) {
    try {
      Socket made = connect_to(at->ai_family, at->ai_addr, at->ai_addrlen, share_of(deadline, left), stop);
      const int yes = 1;
      setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      return made;
    } catch (const Outage& outage) {
      if (reasons.find(outage.what()) == std::string::npos)
        reasons += (reasons.empty() ? "" : "; ") + std::string(outage.what());
    }
  }
  throw Outage(reasons);
}

}  // namespace chat
