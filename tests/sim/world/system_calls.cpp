// What the programs ask the system for, answered by the simulation while one of its processes runs. The
// linker puts these in the place of the C library's functions (--wrap,
// https://sourceware.org/binutils/docs/ld/Options.html) in all of lib; nothing in lib knows of it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstring>
#include <random>

#include "sim/world/disk.h"
#include "sim/world/network.h"
#include "sim/world/process.h"

namespace {

using sim::Process;

Process* self() { return Process::current(); }

/// A tool's end of a connection.
class Socket : public sim::Descriptor {
 public:
  ~Socket() override {
    if (connection_) connection_->close_by_tool();
  }
  void connect(std::shared_ptr<sim::Connection> connection) { connection_ = std::move(connection); }
  sim::Connection* connection() const { return connection_.get(); }
  short ready() override {
    using State = sim::Connection::State;
    if (!connection_ || connection_->state() == State::connecting) return 0;
    const bool heard = !connection_->inbox().empty();
    short events = 0;
    if (heard || connection_->state() != State::open) events |= POLLIN;
    if (connection_->state() == State::refused || connection_->state() == State::reset)
      events |= POLLERR | POLLOUT;
    if (!connection_->full()) events |= POLLOUT;
    return events;
  }
  ssize_t read(char* room, std::size_t size) override {
    using State = sim::Connection::State;
    std::string& inbox = connection_->inbox();
    if (inbox.empty() || connection_->state() == State::reset) {
      if (connection_->state() == State::ended) return 0;
      errno = connection_->state() == State::open ? EAGAIN : ECONNRESET;
      return -1;
    }
    const std::size_t count = std::min(size, inbox.size());
    std::copy_n(inbox.data(), count, room);
    inbox.erase(0, count);
    connection_->took();
    return static_cast<ssize_t>(count);
  }
  ssize_t write(std::string_view bytes) override {
    if (connection_->state() == sim::Connection::State::reset) {
      errno = EPIPE;
      return -1;
    }
    const std::size_t count = connection_->send(bytes);
    if (count == 0) {
      errno = EAGAIN;
      return -1;
    }
    return static_cast<ssize_t>(count);
  }
  mode_t kind() const override { return S_IFSOCK; }

 private:
  std::shared_ptr<sim::Connection> connection_;
};

Socket* socket_of(int fd) { return dynamic_cast<Socket*>(self()->find(fd)); }

int fail(int reason) {
  errno = reason;
  return -1;
}

template <typename Stat>
int about(mode_t kind, std::size_t size, Stat* out) {
  std::memset(out, 0, sizeof *out);
  out->st_mode = kind | 0600;
  out->st_size = static_cast<off_t>(size);
  return 0;
}

int open_here(const char* path, int flags) {
  const std::string_view name(path);
  constexpr std::string_view descriptors = "/proc/self/fd/";
  if (name.starts_with(descriptors)) {
    return self()->duplicate(std::stoi(std::string(name.substr(descriptors.size()))));
  }
  auto opened = self()->disk().open(*self(), path, flags);
  return opened ? self()->add(std::move(opened)) : -1;
}

}  // namespace

extern "C" {

// Where the C library's headers say that the function throws nothing, nothing may be thrown through the
// caller: who is killed goes on to the next call.
#define REAL_OR_QUIETLY(real)         \
  if (self() == nullptr) return real; \
  if (self()->dying()) return fail(EBADF);

#define REAL_OR(real)                 \
  if (self() == nullptr) return real; \
  if (!self()->at_call()) return fail(EBADF);

int __real_poll(pollfd* fds, nfds_t count, int timeout);
int __wrap_poll(pollfd* fds, nfds_t count, int timeout) {
  return self() == nullptr ? __real_poll(fds, count, timeout) : self()->poll(fds, count, timeout);
}

ssize_t __real_read(int fd, void* room, size_t size);
ssize_t __wrap_read(int fd, void* room, size_t size) {
  REAL_OR(__real_read(fd, room, size))
  sim::Descriptor* const descriptor = self()->find(fd);
  return descriptor == nullptr ? fail(EBADF) : descriptor->read(static_cast<char*>(room), size);
}

ssize_t __real_write(int fd, const void* bytes, size_t size);
ssize_t __wrap_write(int fd, const void* bytes, size_t size) {
  REAL_OR(__real_write(fd, bytes, size))
  sim::Descriptor* const descriptor = self()->find(fd);
  return descriptor == nullptr ? fail(EBADF) : descriptor->write({static_cast<const char*>(bytes), size});
}

ssize_t __real_send(int fd, const void* bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void* bytes, size_t size, int flags) {
  REAL_OR(__real_send(fd, bytes, size, flags))
  sim::Descriptor* const descriptor = self()->find(fd);
  return descriptor == nullptr ? fail(EBADF) : descriptor->write({static_cast<const char*>(bytes), size});
}

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol) {
  REAL_OR_QUIETLY(__real_socket(family, type, protocol))
  return self()->add(std::make_shared<Socket>());
}

int __real_connect(int fd, const sockaddr* address, socklen_t size);
int __wrap_connect(int fd, const sockaddr* address, socklen_t size) {
  REAL_OR(__real_connect(fd, address, size))
  if (address->sa_family != AF_INET) return fail(ECONNREFUSED);
  sockaddr_in in{};
  std::memcpy(&in, address, sizeof in);
  auto connection = self()->network().connect(*self(), ntohs(in.sin_port));
  if (!connection) return fail(ECONNREFUSED);
  socket_of(fd)->connect(std::move(connection));
  return fail(EINPROGRESS);
}

int __real_getsockopt(int fd, int level, int name, void* value, socklen_t* size);
int __wrap_getsockopt(int fd, int level, int name, void* value, socklen_t* size) {
  REAL_OR_QUIETLY(__real_getsockopt(fd, level, name, value, size))
  const Socket* const socket = socket_of(fd);
  const bool open = socket != nullptr && socket->connection() != nullptr &&
                    socket->connection()->state() == sim::Connection::State::open;
  *static_cast<int*>(value) = open ? 0 : ECONNREFUSED;
  return 0;
}

int __real_setsockopt(int fd, int level, int name, const void* value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void* value, socklen_t size) {
  REAL_OR_QUIETLY(__real_setsockopt(fd, level, name, value, size))
  return 0;
}

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  void* const value = va_arg(list, void*);
  va_end(list);
  REAL_OR_QUIETLY(__real_ioctl(fd, request, value))
  const Socket* const socket = socket_of(fd);
  if (request != TIOCOUTQ || socket == nullptr) return fail(ENOTTY);
  *static_cast<int*>(value) = static_cast<int>(socket->connection()->in_flight());
  return 0;
}

// Some have two names: with large files, which hiredis asks for, the other one is used.
#define FCNTL(name)                                       \
  int __real_##name(int fd, int command, ...);            \
  int __wrap_##name(int fd, int command, ...) {           \
    va_list list;                                         \
    va_start(list, command);                              \
    void* const value = va_arg(list, void*);              \
    va_end(list);                                         \
    REAL_OR(__real_##name(fd, command, value))            \
    return self()->find(fd) == nullptr ? fail(EBADF) : 0; \
  }
FCNTL(fcntl)
FCNTL(fcntl64)

int __real_isatty(int fd);
int __wrap_isatty(int fd) { return self() == nullptr ? __real_isatty(fd) : 0; }

int __real_close(int fd);
int __wrap_close(int fd) {
  if (self() == nullptr) return __real_close(fd);
  self()->close(fd);
  return 0;
}

#define OPEN(name)                                      \
  int __real_##name(const char* path, int flags, ...);  \
  int __wrap_##name(const char* path, int flags, ...) { \
    va_list list;                                       \
    va_start(list, flags);                              \
    const mode_t mode = va_arg(list, mode_t);           \
    va_end(list);                                       \
    REAL_OR(__real_##name(path, flags, mode))           \
    return open_here(path, flags);                      \
  }
OPEN(open)
OPEN(open64)

#define STAT(type, name)                                                  \
  int __real_##name(const char* path, struct type* out);                  \
  int __wrap_##name(const char* path, struct type* out) {                 \
    REAL_OR_QUIETLY(__real_##name(path, out))                             \
    const auto file = self()->disk().find(path);                          \
    return file ? about(S_IFREG, file->bytes.size(), out) : fail(ENOENT); \
  }
STAT(stat, stat)
STAT(stat64, stat64)

#define FSTAT(type, name)                                                           \
  int __real_##name(int fd, struct type* out);                                      \
  int __wrap_##name(int fd, struct type* out) {                                     \
    REAL_OR_QUIETLY(__real_##name(fd, out))                                         \
    const sim::Descriptor* const descriptor = self()->find(fd);                     \
    return descriptor == nullptr ? fail(EBADF) : about(descriptor->kind(), 0, out); \
  }
FSTAT(stat, fstat)
FSTAT(stat64, fstat64)

int __real_fchown(int fd, uid_t user, gid_t group);
int __wrap_fchown(int fd, uid_t user, gid_t group) {
  return self() == nullptr ? __real_fchown(fd, user, group) : 0;
}

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode) { return self() == nullptr ? __real_fchmod(fd, mode) : 0; }

int __real_fsync(int fd);
int __wrap_fsync(int fd) {
  REAL_OR(__real_fsync(fd))
  return 0;
}

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation) {
  REAL_OR_QUIETLY(__real_flock(fd, operation))
  auto* const file = dynamic_cast<sim::OpenFile*>(self()->find(fd));
  return file != nullptr && file->lock() ? 0 : -1;
}

int __real_rename(const char* from, const char* to);
int __wrap_rename(const char* from, const char* to) {
  REAL_OR_QUIETLY(__real_rename(from, to))
  return self()->disk().rename(from, to) ? 0 : -1;
}

int __real_unlink(const char* path);
int __wrap_unlink(const char* path) {
  REAL_OR_QUIETLY(__real_unlink(path))
  return self()->disk().unlink(path) ? 0 : -1;
}

char* __real_realpath(const char* path, char* resolved);
char* __wrap_realpath(const char* path, char* resolved) {
  return self() == nullptr ? __real_realpath(path, resolved) : strdup(path);
}

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags) {
  REAL_OR_QUIETLY(__real_eventfd(count, flags))
  return self()->add(std::make_shared<sim::Descriptor>());
}

int __real_clock_gettime(clockid_t clock, timespec* out);
int __wrap_clock_gettime(clockid_t clock, timespec* out) {
  if (self() == nullptr) return __real_clock_gettime(clock, out);
  constexpr sim::Time since_boot = 1000 * sim::second;
  const sim::Time now = self()->world().now() + since_boot;
  out->tv_sec = now / sim::second;
  out->tv_nsec = now % sim::second;
  return 0;
}

time_t __real_time(time_t* out);
time_t __wrap_time(time_t* out) {
  if (self() == nullptr) return __real_time(out);
  return static_cast<time_t>(sim::epoch_ms / 1000 + self()->real_time() / sim::second);
}

// std::chrono::steady_clock::now() and system_clock::now()
using Steady = std::chrono::steady_clock;
using Wall = std::chrono::system_clock;
Steady::time_point __real__ZNSt6chrono3_V212steady_clock3nowEv() noexcept;
Steady::time_point __wrap__ZNSt6chrono3_V212steady_clock3nowEv() noexcept {
  if (self() == nullptr) return __real__ZNSt6chrono3_V212steady_clock3nowEv();
  constexpr sim::Time begin = 5000 * sim::second;
  return Steady::time_point(std::chrono::nanoseconds(begin + self()->monotonic()));
}
Wall::time_point __real__ZNSt6chrono3_V212system_clock3nowEv() noexcept;
Wall::time_point __wrap__ZNSt6chrono3_V212system_clock3nowEv() noexcept {
  if (self() == nullptr) return __real__ZNSt6chrono3_V212system_clock3nowEv();
  const std::chrono::nanoseconds now(sim::epoch_ms * sim::millisecond + self()->real_time());
  return Wall::time_point(std::chrono::duration_cast<Wall::duration>(now));
}

// std::random_device::operator()
unsigned __real__ZNSt13random_device9_M_getvalEv(std::random_device* device);
unsigned __wrap__ZNSt13random_device9_M_getvalEv(std::random_device* device) {
  if (self() == nullptr) return __real__ZNSt13random_device9_M_getvalEv(device);
  return static_cast<unsigned>(self()->world().random.next());
}

// hiredis closes in a library of its own.
void __real_redisFree(redisContext* context);
void __wrap_redisFree(redisContext* context) {
  if (self() != nullptr && context != nullptr) {
    self()->close(context->fd);
    context->fd = -1;
  }
  __real_redisFree(context);
}

}  // extern "C"
